import { arity, command } from '../command.ts';
import { flag } from '../flags.ts';
import { ManifestLists, manifestReference } from '../manifest/store.ts';

export const manifestAnnotate = command({
  usage: '[OPTIONS] MANIFEST_LIST MANIFEST',
  arity: arity.exactly(2),
  options: {
    arch: flag.string('--arch', 'Set architecture'),
    os: flag.string('--os', 'Set operating system'),
    osFeatures: flag.list('--os-features', 'Set operating system feature'),
    osVersion: flag.string('--os-version', 'Set operating system version'),
    variant: flag.string('--variant', 'Set architecture variant'),
  },
  async run({ args: [listName = '', name = ''], options }, context) {
    const list = manifestReference(listName);
    const manifest = manifestReference(name);
    const lists = new ManifestLists(context.env);
    const known = lists.find(list, manifest);
    const { arch, os, osVersion, variant } = options;
    const before = known.Descriptor.platform ?? {};
    const features = [...(before['os.features'] ?? []), ...options.osFeatures.flatMap((text) => text.split(','))];
    const platform = {
      ...before,
      ...(arch !== undefined && { architecture: arch }),
      ...(os !== undefined && { os }),
      ...(osVersion !== undefined && { 'os.version': osVersion }),
      ...(features.length > 0 && { 'os.features': [...new Set(features)] }),
      ...(variant !== undefined && { variant }),
    };
    lists.put(list, manifest, { ...known, Descriptor: { ...known.Descriptor, platform } });
    return 0;
  },
});
