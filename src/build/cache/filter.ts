import { invalidParameter } from '../../core/errors.ts';
import type { CacheEntry } from '../../core/wire/build.ts';

type Field = (entry: CacheEntry) => string | boolean | readonly string[];

/** What entries of the cache can be told apart by, in BuildKit's words. */
const FIELDS: Readonly<Record<string, Field>> = {
  id: ({ ID }) => ID,
  type: ({ Type }) => Type,
  description: ({ Description }) => Description,
  parent: ({ Parents }) => Parents ?? [],
  parents: ({ Parents }) => Parents ?? [],
  inuse: ({ InUse }) => InUse,
  shared: ({ Shared }) => Shared,
  private: ({ Shared }) => !Shared,
  mutable: ({ Type }) => Type !== 'regular',
  immutable: ({ Type }) => Type === 'regular',
};

/**
 * Reads filters as BuildKit's clients write them: `type==exec.cachemount,id~=abc`, `inuse`, `type!=regular`. An entry passes if all
 * conditions of one of them hold; without filters every entry does.
 * @throws {WharfError} `INVALID_PARAMETER` at a filter that is not known: passed over it would take what was to stay
 */
export function cacheFilter(filters: readonly string[]): (entry: CacheEntry) => boolean {
  const alternatives = filters.map((filter) => filter.split(',').map(condition));
  return (entry) => alternatives.length === 0 || alternatives.some((all) => all.every((holds) => holds(entry)));
}

function condition(text: string): (entry: CacheEntry) => boolean {
  const [, name = '', operator = '', value = ''] = /^([\w.]+)(?:(==|!=|~=)(.*))?$/s.exec(text.trim()) ?? [];
  const field = FIELDS[name.toLowerCase()];
  if (field === undefined) throw invalidParameter({ message: `invalid filter ${JSON.stringify(text)}` });
  const expression = operator === '~=' ? patternOf(value, text) : undefined;
  const holds = (found: string | boolean): boolean => {
    if (typeof found === 'boolean') return found === (operator === '' || /^(1|t|true)$/i.test(value));
    if (operator === '') return found !== '';
    return expression === undefined ? found === value : expression.test(found);
  };
  return (entry) => {
    const found = field(entry);
    const any = typeof found === 'object' ? found.some(holds) : holds(found);
    return operator === '!=' ? !any : any;
  };
}

/** @throws {WharfError} `INVALID_PARAMETER` if it is none */
function patternOf(text: string, filter: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw invalidParameter({ message: `invalid filter ${JSON.stringify(filter)}` }, { cause });
  }
}
