/**
 * A static ELF program for each processor, 0 bytes of libraries: `exit(0)`. Enough to see that a container runs, and it needs
 * nothing of the host's own files. Made by hand: ELF header, one loadable segment, then
 * x64 `xor edi,edi; mov eax,60; syscall`, arm64 `mov x0,#0; mov x8,#93; svc #0`.
 */
export const PROBE_PROGRAMS: Readonly<Record<string, string>> = {
  x64: 'f0VMRgIBAQAAAAAAAAAAAAIAPgABAAAAeABAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAEAAOAABAAAAAAAAAAEAAAAFAAAAAAAAAAAAAAAAAEAAAAAAAAAAQAAAAAAAgQAAAAAAAACBAAAAAAAAAAAQAAAAAAAAMf+4PAAAAA8F',
  arm64:
    'f0VMRgIBAQAAAAAAAAAAAAIAtwABAAAAeABAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAEAAOAABAAAAAAAAAAEAAAAFAAAAAAAAAAAAAAAAAEAAAAAAAAAAQAAAAAAAhAAAAAAAAACEAAAAAAAAAAAQAAAAAAAAAACA0qgLgNIBAADU',
};
