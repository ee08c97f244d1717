import { makeDirectories, resolveInRoot } from '../files/in-root.ts';
import { nop } from './history.ts';
import { ownerOf } from './place-files.ts';
import type { Lane } from './output.ts';
import type { Session } from './session.ts';
import { commitOptions } from './session.ts';
import { newBuildId, openScratch } from './snapshot.ts';
import type { StageState } from './state.ts';
import { runConfigOf, topOf } from './state.ts';
import type { FileWork } from './step-effect.ts';

/** What WORKDIR does: its directory is made if it is not there, 0755; it is root's with the classic builder, else the user's. */
export function workdirWork(path: string, state: StageState, session: Session, lane: Lane): FileWork {
  const { style } = session;
  const { User: user = '' } = runConfigOf(state);
  const createdBy = style === 'buildkit' ? `WORKDIR ${path}` : nop(runConfigOf(state), `WORKDIR ${path}`, 1);
  return {
    async *keys() {
      yield ['WORKDIR', path, ...(style === 'buildkit' ? [user] : [])];
    },
    ingredients: () => ({ path }),
    createdBy: () => createdBy,
    async run() {
      if (path === '/') return { layer: null, createdBy };
      const short = newBuildId().slice(-12);
      lane.say(` ---> Running in ${short}\n`);
      await using scratch = await openScratch(session.parts.engine.parts.storage.snapshots, topOf(state));
      const owner = style === 'buildkit' && user !== '' ? ownerOf(scratch.root, user, style) : undefined;
      await makeDirectories(scratch.root, resolveInRoot(scratch.root, path), owner);
      const layer = await scratch.commit(commitOptions(session));
      lane.say(` ---> Removed intermediate container ${short}\n`);
      return { layer, createdBy };
    },
  };
}
