import { spawn } from 'node:child_process';

/**
 * Runs a program; its output is kept and shown only if it fails, unless `show` is set.
 * Resolves to what it printed on stdout; rejects with the last lines of its output.
 */
export function run(command, args, { show = false, env = process.env, cwd, input } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = show ? ['ignore', 'inherit', 'inherit'] : [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
    const child = spawn(command, args, { stdio, env, cwd });
    let out = '';
    let all = '';
    child.stdout?.on('data', (d) => {
      out += d;
      all += d;
    });
    child.stderr?.on('data', (d) => (all += d));
    child.once('error', (e) => reject(new Error(`${command}: ${e.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(out);
      else {
        const tail = all.trimEnd().split('\n').slice(-25).join('\n');
        reject(new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}${tail ? `:\n${tail}` : ''}`));
      }
    });
    if (input !== undefined) child.stdin.end(input);
  });
}
