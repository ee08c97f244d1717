import { hostPlatform } from '../../core/platform.ts';
import { VERSION } from '../../core/version.ts';

/** What of the frontends' API is served. @see moby/buildkit frontend/gateway/pb/caps.go */
const FRONTEND = [
  'solve.base',
  'return',
  'returnmap',
  'proto.refarray',
  'frontend.caps',
  'frontend.inputs',
  'reference.output',
  'gateway.solve.metadata',
  'gateway.solve.evaluate',
  'gateway.evaluate',
  'gateway.warnings',
  'importcaches',
];
/** What a Dockerfile can use, in the words of BuildKit's low-level graph. @see moby/buildkit solver/pb/caps.go */
const GRAPH = [
  'source.image',
  'source.image.resolvemode',
  'source.local',
  'source.local.unique',
  'source.local.sessionid',
  'source.local.includepatterns',
  'source.local.followpaths',
  'source.local.excludepatterns',
  'source.local.sharedkeyhint',
  'source.http',
  'source.http.checksum',
  'exec.meta.base',
  'exec.meta.network',
  'exec.meta.proxyenv',
  'exec.mount.bind',
  'exec.mount.bind.readwrite-nooutput',
  'exec.mount.cache',
  'exec.mount.cache.sharing',
  'exec.mount.selector',
  'exec.mount.tmpfs',
  'exec.mount.tmpfs.size',
  'exec.mount.secret',
  'exec.mount.ssh',
  'exec.secretenv',
  'file.base',
  'constraints',
  'platform',
  'meta.ignorecache',
  'meta.description',
  'exporter.sourcedateepoch',
  'exporter.multiple',
];
/** The interface that is spoken: clients ask for the version of BuildKit that has it. */
const SPOKEN = 'v0.25.0';

export const buildkitVersion = { package: 'wharf', version: SPOKEN, revision: VERSION };
const enabled = (ids: readonly string[]) => ids.map((id) => ({ id, enabled: true }));
export const frontendCapabilities = enabled(FRONTEND);
export const graphCapabilities = enabled(GRAPH);

/**
 * The one worker that there is. Clients take one with a snapshotter for one that can write caches, archives and to registries
 * by itself; results for the engine they ask for as `moby`, with or without.
 */
export function workerOf(id: string, hostname: string, hostGateways: readonly string[]) {
  const { architecture, os, variant = '' } = hostPlatform();
  return {
    id,
    labels: {
      'org.mobyproject.buildkit.worker.executor': 'oci',
      'org.mobyproject.buildkit.worker.hostname': hostname,
      'org.mobyproject.buildkit.worker.snapshotter': 'overlayfs',
      // Clients put it into `--add-host` themselves.
      ...(hostGateways[0] === undefined
        ? {}
        : { 'org.mobyproject.buildkit.worker.moby.host-gateway-ip': hostGateways[0] }),
    },
    platforms: [{ architecture, os, variant }],
    buildkitVersion,
  };
}
