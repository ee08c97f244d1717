export { connectRegistry, type RegistryClient, type ServedManifest } from './client.ts';
export type { EndpointOptions } from './endpoints.ts';
export { badManifest, registryNotFound, registryUnauthorized } from './errors.ts';
