import { command } from '../context.ts';
import { composeUsage } from '../errors.ts';

export default command({
  usage: 'publish REPOSITORY[:TAG]',
  summary: 'Publish compose application (not supported)',
  flags: {
    app: { names: '--app', help: 'Accepted', hidden: true },
    ociVersion: { names: '--oci-version', value: 'string', help: 'Accepted', hidden: true },
    resolveImageDigests: { names: '--resolve-image-digests', help: 'Accepted', hidden: true },
    withEnv: { names: '--with-env', help: 'Accepted', hidden: true },
    yes: { names: '-y, --yes', help: 'Accepted', hidden: true },
  },
  run() {
    throw composeUsage(
      { message: 'publish is not supported' },
      { hint: 'keep the Compose files in a repository, and push the images with "wharf compose push"' },
    );
  },
});
