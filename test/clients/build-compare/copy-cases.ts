import { gzipSync } from 'node:zlib';
import type { BuildCase } from './case.ts';

/** A tar of one file, written by hand: what ADD unpacks. */
function tarOf(name: string, text: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000640\0', 100);
  header.write('0001750\0', 108);
  header.write('0001751\0', 116);
  header.write(`${text.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('13603307545\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  const body = Buffer.alloc(512);
  body.write(text);
  return Buffer.concat([header, body, Buffer.alloc(1024)]);
}

const tree = {
  'app/main.py': 'print(1)\n',
  'app/lib/a.py': 'a\n',
  'app/lib/b.txt': 'b\n',
  'app/.hidden': 'h\n',
  'app/run.sh': { text: '#!/bin/sh\n', mode: 0o755 },
} as const;

export const copyCases: readonly BuildCase[] = [
  {
    name: 'copy: --chown by a name that nobody has',
    dockerfile: 'FROM busybox\nCOPY --chown=who app /n\n',
    files: tree,
  },
  { name: 'copy: a file to a path', dockerfile: 'FROM busybox\nCOPY a /x/y/z\n', files: { a: 'one' } },
  { name: 'copy: a file into a directory', dockerfile: 'FROM busybox\nCOPY a /x/y/\n', files: { a: 'one' } },
  { name: 'copy: a directory, its contents', dockerfile: 'FROM busybox\nCOPY app /srv\n', files: tree },
  { name: 'copy: all', dockerfile: 'FROM busybox\nCOPY . /srv/\n', files: tree },
  {
    name: 'copy: two directories merge',
    dockerfile: 'FROM busybox\nCOPY a b /d/\n',
    files: { 'a/1': 'x', 'b/2': 'y' },
  },
  {
    name: 'copy: wildcards',
    dockerfile: 'FROM busybox\nCOPY app/lib/*.?? /d/\nCOPY app/l*b/[ab].* /e/\n',
    files: tree,
  },
  { name: 'copy: a wildcard that matches hidden files', dockerfile: 'FROM busybox\nCOPY app/* /d/\n', files: tree },
  {
    name: 'copy: exec form, names with spaces',
    dockerfile: 'FROM busybox\nCOPY ["a b", "/c d/"]\n',
    files: { 'a b': '1' },
  },
  {
    name: 'copy: relative to WORKDIR',
    dockerfile: 'FROM busybox\nWORKDIR /w/v\nCOPY a .\nCOPY a ./b\nCOPY a ../c/\n',
    files: { a: '1' },
  },
  { name: 'copy: --chown by numbers', dockerfile: 'FROM busybox\nCOPY --chown=1000:1001 app /new/dir/\n', files: tree },
  { name: 'copy: --chown by number alone', dockerfile: 'FROM busybox\nCOPY --chown=1234 app /n\n', files: tree },
  { name: 'copy: --chown by names', dockerfile: 'FROM busybox\nCOPY --chown=nobody:nogroup app /n\n', files: tree },
  { name: 'copy: --chown by user name alone', dockerfile: 'FROM busybox\nCOPY --chown=nobody app /n\n', files: tree },
  {
    name: 'copy: --chmod',
    dockerfile: 'FROM busybox\nCOPY --chmod=640 app /n/\nCOPY --chmod=4755 app/run.sh /\n',
    files: tree,
  },
  {
    name: 'copy: modes, with the bits for other users',
    dockerfile: 'FROM busybox\nCOPY . /m/\n',
    files: {
      suid: { text: '1', mode: 0o4755 },
      sgid: { text: '1', mode: 0o2755 },
      none: { text: '1', mode: 0o000 },
      all: { text: '1', mode: 0o777 },
      sticky: { directory: 0o1777 },
      'closed/in': '1',
    },
  },
  {
    name: 'copy: symbolic links stay, and are followed as sources',
    dockerfile: 'FROM busybox\nCOPY . /l/\nCOPY to /followed\nCOPY dirlink /dir\n',
    files: {
      file: 'f',
      'dir/in': 'i',
      to: { symlink: 'file' },
      broken: { symlink: 'nowhere' },
      dirlink: { symlink: 'dir' },
    },
  },
  {
    name: 'copy: hard links',
    dockerfile: 'FROM busybox\nCOPY d /d\n',
    files: { 'd/a': 'same', 'd/b': { hardlink: 'd/a' } },
  },
  {
    name: 'copy: through a link in the image',
    dockerfile:
      'FROM busybox\nRUN mkdir /real && ln -s /real /link && ln -s /real/file /flink\nCOPY a /link/\nCOPY b /flink\n',
    files: { a: '1', b: '2' },
  },
  {
    name: 'copy: over what is there',
    dockerfile:
      'FROM busybox\nRUN mkdir -m 700 /d && echo old > /d/a && echo keep > /d/k && mkdir -m 711 /d/s && chown 5:6 /d/s\nCOPY d /d\n',
    files: { 'd/a': 'new', 'd/n/x': 'x', 'd/s/y': 'y' },
  },
  {
    name: 'copy: .dockerignore',
    dockerfile: 'FROM busybox\nCOPY . /c\n',
    files: { ...tree, '.dockerignore': '**/*.py\n!app/main.py\n.dockerignore\nDockerfile\n' },
  },
  {
    name: 'copy: .dockerignore with directories brought back',
    dockerfile: 'FROM busybox\nCOPY . /c\n',
    files: {
      ...tree,
      'node_modules/a/index.js': '1',
      'node_modules/b/index.js': '2',
      '.dockerignore': '# all but\n*\n!app/lib\n!node_modules/b\n',
    },
  },
  {
    name: 'copy: variables in paths',
    dockerfile: 'FROM busybox\nARG F=a\nENV D=/to\nCOPY ${F} $D/${F:-x}${NO:+y}\n',
    files: { a: '1' },
  },
  {
    name: 'copy: --link',
    dockerfile: 'FROM busybox\nCOPY --link app /l/\nCOPY --link --chown=5:6 app/run.sh /l/r\n',
    files: tree,
  },
  {
    name: 'copy: an empty directory and an empty file',
    dockerfile: 'FROM busybox\nCOPY . /e/\n',
    files: { 'd/empty': { directory: 0o750 }, f: '' },
  },
  { name: 'copy: a wildcard that matches nothing', dockerfile: 'FROM busybox\nCOPY Dockerfile no* /e/\n' },
  {
    name: 'copy: .. and / are the root of the context',
    dockerfile: 'FROM busybox\nCOPY /a /1\nCOPY ../../a /2\n',
    files: { a: '1' },
  },
  {
    name: 'copy: unusual names',
    dockerfile: 'FROM busybox\nCOPY d /d\n',
    files: { 'd/ä ö.txt': '1', 'd/-dash': '2', [`d/${'n'.repeat(200)}/${'m'.repeat(120)}`]: '3', 'd/back\\slash': '4' },
  },
  {
    name: 'copy: heredocs',
    dockerfile:
      'FROM busybox\nENV WHO=me\nCOPY <<one <<"two" /h/\nI am $WHO \\$x "q"\none\nI am $WHO\ntwo\nCOPY --chmod=755 <<-EOF /script\n\t#!/bin/sh\n\techo\n\tEOF\n',
  },
  {
    name: 'copy: heredocs with escapes, quotes and a carriage return',
    dockerfile:
      'FROM busybox\nARG v=val\nCOPY <<one <<-"two" /h/\n$v "q" \'q\' \\$v \\n \\\\ \\" `x` "\\n" ${v:-"a b"} $\none\n\tb\n\t\tc $v\n\ttwo\nCOPY <<end /cr\r\nline\r\nend\r\n',
  },
  {
    name: 'copy: --chown by a name and a group of which one is not known',
    dockerfile:
      'FROM busybox\nCOPY --chown=nobody:nix Dockerfile /1\nCOPY --chown=nix:nogroup Dockerfile /2\nCOPY --chown=:nogroup Dockerfile /3\nUSER nobody:nix\nWORKDIR /w/x\n',
  },
  {
    name: 'add: an archive with --chmod',
    dockerfile: 'FROM busybox\nADD --chmod=700 a.tar /u/\nADD --chown=7 b.tar /v\n',
    files: { 'a.tar': { bytes: tarOf('side', 'text') }, 'b.tar': { bytes: tarOf('x/y', 'text') } },
  },
  { name: 'add: a file and a directory', dockerfile: 'FROM busybox\nADD app/main.py /x\nADD app /y/\n', files: tree },
  {
    name: 'add: an archive is unpacked, with its owners',
    dockerfile: 'FROM busybox\nADD a.tar /u/\nADD a.tgz /g/\nCOPY a.tar /kept/\n',
    files: { 'a.tar': { bytes: tarOf('in/side', 'text') }, 'a.tgz': { bytes: gzipSync(tarOf('z', 'zz')) } },
  },
  {
    name: 'add: an archive with --chown',
    dockerfile: 'FROM busybox\nADD --chown=7:8 a.tar /u/\n',
    files: { 'a.tar': { bytes: tarOf('side', 'text') } },
  },
  {
    name: 'add: what is called an archive but is none',
    dockerfile: 'FROM busybox\nADD a.tar.gz /u/\n',
    files: { 'a.tar.gz': 'no tar' },
  },
  {
    name: 'copy: USER does not own what is copied',
    dockerfile: 'FROM busybox\nUSER nobody\nWORKDIR /home/w\nCOPY a .\n',
    files: { a: '1' },
  },
  {
    name: 'copy: several sources, one a directory',
    dockerfile: 'FROM busybox\nCOPY app Dockerfile /d/\n',
    files: tree,
  },
];
