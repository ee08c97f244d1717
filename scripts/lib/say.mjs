import * as util from 'node:util';

const colour = process.stdout.isTTY && !process.env.NO_COLOR && typeof util.styleText === 'function';
const paint = (style, text) => (colour ? util.styleText(style, text) : text);

/** A heading of one step. */
export const step = (text) => console.log(paint('bold', `==> ${text}`));
export const done = (text) => console.log(`    ${paint('green', 'ok')} ${text}`);
export const note = (text) => console.log(`    ${text}`);
/** Ends the program with one line of what went wrong and one of what to do. */
export function fail(text, hint) {
  console.error(`${paint('red', 'error')}: ${text}${hint ? `\n       ${hint}` : ''}`);
  process.exit(1);
}
/** Milliseconds as `1.2 s`. */
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
