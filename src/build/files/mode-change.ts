/** The mode of what is copied, from the one it has. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const CLAUSE = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/;
const WHO = { u: 0o4700, g: 0o2070, o: 0o1007 } as const;
const SHIFT = { u: 6, g: 3, o: 0 } as const;

/**
 * `--chmod`: octal, at most 07777, or symbolic as chmod(1): `u=rwX,go-w`. Without `ugoa` a clause is for all.
 * @returns `undefined` if it is neither
 */
export function parseModeChange(text: string): ModeChange | undefined {
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    return mode <= 0o7777 ? () => mode : undefined;
  }
  const clauses = text.split(',').map((clause) => CLAUSE.exec(clause));
  if (clauses.some((clause) => clause === null)) return undefined;
  return (mode, isDirectory) => {
    let now = mode;
    for (const clause of clauses) {
      const who = (clause?.[1] ?? '').replaceAll('a', 'ugo').split('');
      const whom = (who.length === 0 ? ['u', 'g', 'o'] : who).filter(isWho);
      for (const [, operator = '', what = ''] of (clause?.[2] ?? '').matchAll(/([-+=])([ugo]|[rwxXst]*)/g)) {
        for (const one of whom) now = apply(now, one, operator, what, isDirectory);
      }
    }
    return now;
  };
}

type Who = keyof typeof WHO;

function isWho(letter: string): letter is Who {
  return letter in WHO;
}

function apply(mode: number, who: Who, operator: string, what: string, isDirectory: boolean): number {
  const bits = bitsOf(mode, who, what, isDirectory);
  // What others have at this place is not touched.
  if (operator === '+') return mode | bits;
  if (operator === '-') return mode & ~bits;
  return (mode & ~WHO[who]) | bits;
}

function bitsOf(mode: number, who: Who, what: string, isDirectory: boolean): number {
  if (isWho(what)) return ((mode >> SHIFT[what]) & 7) << SHIFT[who];
  let bits = 0;
  for (const letter of what) {
    if (letter === 'r') bits |= 4 << SHIFT[who];
    else if (letter === 'w') bits |= 2 << SHIFT[who];
    else if (letter === 'x' || (letter === 'X' && (isDirectory || (mode & 0o111) !== 0))) bits |= 1 << SHIFT[who];
    else if (letter === 's') bits |= who === 'u' ? 0o4000 : who === 'g' ? 0o2000 : 0;
    else if (letter === 't') bits |= who === 'o' ? 0o1000 : 0;
  }
  return bits;
}
