/** Bytes as the container writes them. */
export const RAW = 'application/vnd.docker.raw-stream';
/** Frames with an 8-byte header (core/frames.ts). Announced since API 1.42; the payload was the same before. */
export const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream';

/** A terminal's output is never framed. */
export function payloadType(tty: boolean, framed: string): string {
  return tty ? RAW : framed;
}
