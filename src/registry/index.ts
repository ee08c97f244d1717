export { checkCredentials, searchRegistry } from './accounts.ts';
export { connectRegistry, readRegistry, type RegistryClient, type ServedManifest } from './client.ts';
export { retried } from './download.ts';
export { fetchUrl } from './fetch-url.ts';
export { type EndpointOptions, parseMirror } from './endpoints.ts';
export { badManifest, registryNotFound, registryUnauthorized } from './errors.ts';
export type { RegistryServerOptions } from './server/contract.ts';
export { serveRegistry } from './server/serve.ts';
