import { readFileSync, statSync } from 'node:fs';

/** How a user whom a socket keeps out gets in: the group that may use it, by name. */
export function accessHint(path: string, user = process.env['USER']): string {
  const group = groupOf(path);
  if (group === undefined || group === 'root')
    return 'only root may use it: become root, or start the engine with --group';
  return `join the group ${group}: sudo usermod -aG ${group} ${user || '$USER'}, then log in again`;
}

/** The group that may write to the socket; `undefined` where nobody but its owner may, or where it cannot be seen. */
function groupOf(path: string): string | undefined {
  try {
    const { gid, mode } = statSync(path);
    if ((mode & 0o020) === 0) return undefined;
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((l) => l.split(':')[2] === String(gid));
    return line?.split(':')[0] ?? String(gid);
  } catch {
    return undefined;
  }
}
