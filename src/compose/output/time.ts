import { parseDuration } from '../load/units.ts';
import { composeUsage } from '../errors.ts';

/** A time as people give it (`10m` ago, RFC 3339, a date, Unix seconds) as the engine takes it. @throws {WharfError} `COMPOSE_USAGE` */
export function toEngineTime(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return text;
  const ago = parseDuration(text);
  if (ago !== undefined) return (Date.now() / 1000 - ago / 1e9).toFixed(9);
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw composeUsage({
      message: `invalid value for time ${JSON.stringify(text)}: expected a timestamp or a duration such as 10m`,
    });
  return (at / 1000).toFixed(9);
}
