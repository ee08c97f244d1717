import type { RegistryAuth } from '../../core/wire/resources.ts';
import { decode, type Shape } from './shape.ts';

export const REGISTRY_AUTH = {
  struct: {
    username: 'text',
    password: 'text',
    auth: 'text',
    email: 'text',
    serveraddress: 'text',
    identitytoken: 'text',
    registrytoken: 'text',
  },
} as const;

/** `X-Registry-Auth`: base64url (or plain base64) JSON. What cannot be read counts as anonymous, as with Docker. */
export function parseRegistryAuth(header: string | string[] | undefined): RegistryAuth | undefined {
  const auth = decodeHeader<RegistryAuth>(REGISTRY_AUTH, header);
  return auth !== undefined && Object.values(auth).some((v) => v !== '') ? auth : undefined;
}

/** `X-Registry-Config` of a build: credentials by registry. */
export function parseRegistryConfig(header: string | string[] | undefined): Record<string, RegistryAuth> {
  return decodeHeader<Record<string, RegistryAuth>>({ map: REGISTRY_AUTH }, header) ?? {};
}

function decodeHeader<T>(shape: Shape, header: string | string[] | undefined): T | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined || text === '') return undefined;
  try {
    // Node's decoder takes both alphabets, with padding or without.
    const value = JSON.parse(Buffer.from(text, 'base64').toString()) as unknown;
    return value === null ? undefined : decode<T>(shape, value);
  } catch {
    return undefined;
  }
}
