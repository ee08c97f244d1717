import { readFile } from 'node:fs/promises';
import { newId } from '../../core/ids.ts';
import type { Engine } from '../../engine/index.ts';
import type { NamespaceInput, UserNamespaceInput } from '../../runtime/index.ts';
import { hostNetworkRefused } from '../errors.ts';
import { newBuildId } from './snapshot.ts';

/** The network namespace of one command. */
export interface CommandNetwork {
  readonly namespace: NamespaceInput;
  /** Where users are mapped: the user namespace that it belongs to. */
  readonly userNamespace?: UserNamespaceInput | undefined;
  /** Its own address, if it has one. */
  readonly address: string | undefined;
  readonly resolvConf: string;
  /** The hosts file it takes over; `undefined`: one is made. */
  readonly hosts: string | undefined;
  close(): Promise<void>;
}

/**
 * Networks of a build's commands. Each command has a new one; while one command runs, that of the next can be made ready.
 * Disposing closes what nobody took.
 */
export class BuildNetworks implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #ready = new Map<string, Promise<CommandNetwork>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @param mode `default`, `none`, `host`, `container:ID` or a network's name */
  async take(mode: string): Promise<CommandNetwork> {
    const ready = this.#ready.get(mode);
    this.#ready.delete(mode);
    return (await ready?.catch(() => undefined)) ?? this.#open(mode);
  }

  /** Makes the next one ready, in the background. */
  prepare(mode: string): void {
    if (mode === 'host' || mode.startsWith('container:') || this.#ready.has(mode)) return;
    const opening = this.#open(mode);
    opening.catch(() => undefined); // whoever takes it tries again, and hears of it
    this.#ready.set(mode, opening);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#ready.values()];
    this.#ready.clear();
    for (const opening of left) await (await opening.catch(() => undefined))?.close();
  }

  async #open(mode: string): Promise<CommandNetwork> {
    const { networks, idMaps } = this.#engine.parts;
    const nothing = async (): Promise<void> => undefined;
    if (mode === 'host') {
      if (idMaps !== undefined) throw hostNetworkRefused({});
      const resolvConf = await readOr('/etc/resolv.conf', '');
      const hosts = await readOr('/etc/hosts', '');
      return { namespace: 'host', address: undefined, resolvConf, hosts, close: nothing };
    }
    const inherited = networks.resolvConf({ ownDns: false, servers: [], search: [], options: [] });
    if (mode.startsWith('container:')) {
      const target = await this.#engine.containers.inspect(mode.slice('container:'.length), { size: false });
      const namespace = { path: `/proc/${target.State.Pid}/ns/net` };
      const userNamespace = idMaps && { ...idMaps, path: `/proc/${target.State.Pid}/ns/user` };
      return { namespace, userNamespace, address: undefined, resolvConf: inherited, hosts: undefined, close: nothing };
    }
    const id = newBuildId();
    await using undo = new AsyncDisposableStack();
    undo.defer(() => networks.closeSandbox(id));
    const request = { containerId: id, dns: [] };
    const owned = idMaps && (await networks.openOwnedSandbox(request, idMaps));
    if (owned !== undefined) undo.use(owned.userNamespace);
    const namespace = owned === undefined ? await networks.openSandbox(request) : { path: owned.path };
    const userNamespace = idMaps && owned && { ...idMaps, path: owned.userNamespace.path };
    let address: string | undefined;
    let resolvConf = inherited;
    if (mode !== 'none') {
      const isDefault = mode === 'default' || mode === '' || mode === 'bridge';
      const found = await this.#engine.networks.inspect(isDefault ? 'bridge' : mode, { verbose: false });
      const wanted = { containerId: id, endpointId: newId(), networkId: found.Id, names: [], gateway: true };
      address = (await networks.attach(wanted)).ipv4;
      resolvConf = networks.resolvConf({ ownDns: !isDefault, servers: [], search: [], options: [] });
    }
    const kept = undo.move();
    return { namespace, userNamespace, address, resolvConf, hosts: undefined, close: () => kept.disposeAsync() };
  }
}

async function readOr(path: string, otherwise: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return otherwise;
  }
}
