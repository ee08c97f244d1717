import { parseBytes } from './quantity.ts';

/** `PATH:VALUE` of the block I/O options. @throws {Error} in docker's words */
function devicePair(text: string): readonly [path: string, value: string] {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new Error(`bad format: ${text}`);
  const path = text.slice(0, colon);
  if (!path.startsWith('/dev/')) throw new Error(`bad format for device path: ${text}`);
  return [path, text.slice(colon + 1)];
}

/** `--blkio-weight-device /dev/sda:100`: 10 to 1000, or 0. @throws {Error} in docker's words */
export function parseWeightDevice(text: string): { Path: string; Weight: number } {
  const [Path, value] = devicePair(text);
  const Weight = Number(value);
  if (!/^\d+$/.test(value) || (Weight > 0 && (Weight < 10 || Weight > 1000))) {
    throw new Error(`invalid weight for device: ${text}`);
  }
  return { Path, Weight };
}

/** `--device-read-bps /dev/sda:1mb`, in bytes a second. @throws {Error} in docker's words */
export function parseBytesDevice(text: string): { Path: string; Rate: number } {
  const [Path, value] = devicePair(text);
  const form =
    'The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb';
  const bad = (cause?: unknown) => new Error(`invalid rate for device: ${text}. ${form}`, { cause });
  let Rate: number;
  try {
    Rate = parseBytes(value);
  } catch (e) {
    throw bad(e);
  }
  if (Rate < 0) throw bad();
  return { Path, Rate };
}

/** `--device-read-iops /dev/sda:1000`, in operations a second. @throws {Error} in docker's words */
export function parseOperationsDevice(text: string): { Path: string; Rate: number } {
  const [Path, value] = devicePair(text);
  if (!/^\d+$/.test(value)) {
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`,
    );
  }
  return { Path, Rate: Number(value) };
}
