import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIgnore } from '../../src/build/context/ignore.ts';
import { parseDockerfile } from '../../src/build/dockerfile/parse.ts';
import { IgnorePatterns } from '../../src/client/ignore-patterns.ts';
import { CompiledTemplate, TemplateExecError } from '../../src/cli/format/template.ts';
import { loadProject } from '../../src/compose/load/load.ts';
import { parseYaml } from '../../src/compose/load/parse-yaml.ts';
import { WharfError } from '../../src/core/errors.ts';
import { familiar, parseReference } from '../../src/core/reference.ts';
import { fuzz, textOf } from './fuzz.ts';

const DOCKERFILE = [
  'FROM ',
  'RUN ',
  'COPY ',
  'ADD ',
  'ENV ',
  'ARG ',
  'LABEL ',
  'EXPOSE ',
  'USER ',
  'WORKDIR ',
  'VOLUME ',
  'CMD ',
  'ENTRYPOINT ',
  'ONBUILD ',
  'HEALTHCHECK ',
  'SHELL ',
  'STOPSIGNAL ',
  'MAINTAINER ',
  'scratch',
  ' AS ',
  '--from=',
  '<<EOF\n',
  '\nEOF\n',
  '<<-"X"\n',
  'X\n',
  '["a", "b"]',
  '[',
  '--mount=type=',
  'cache,target=',
  '--interval=',
  '5s',
  '# syntax=',
  '# escape=`\n',
  '\\\n',
  'a=b ',
  '$a',
  '${a:-b}',
  '${a##b}',
  '--chown=1:2 ',
  '--chmod=',
  '755',
  '. /x',
];
fuzz('Dockerfile', textOf(DOCKERFILE), (text) => parseDockerfile(text, 'Dockerfile'));

const COMPOSE = [
  'services:\n',
  '  a:\n',
  '    image: x\n',
  '    ports: ["80:80", "1-2:3-4/udp"]\n',
  '    volumes:\n',
  '      - a:/b:ro\n',
  '    environment:\n',
  '      K: ${V:-d}\n',
  '      - K=$$V\n',
  '    depends_on: [b]\n',
  '  b: *x\n',
  'x-a: &x\n',
  '    <<: *x\n',
  '    deploy: {resources: {limits: {memory: 1g}}}\n',
  'networks: {n: {}}\n',
  'volumes:\n  a:\n',
  '    healthcheck: {test: [CMD, a], interval: 1m}\n',
  '    extends: {service: a}\n',
  'include: [x]\n',
  'name: p\n',
  '- ',
  '? ',
  '!reset ',
  '!override ',
  '|\n',
  '>-\n',
  '${',
  '}',
  '${A?e}',
  '---\n',
  '"',
  '    command: a "b c"\n',
  'null',
  '    ulimits: {nofile: 1}\n',
  '    build: {context: ., args: [a=b]}\n',
  '    secrets: [s]\n',
  '0x1f',
  '1e3',
  '.inf',
];
fuzz('Compose file', textOf(COMPOSE), (text) => {
  const files = {
    read: (path: string) => (path === '/p/compose.yaml' ? text : undefined),
    isDirectory: (path: string) => path === '/p' || path === '/',
  };
  const surroundings = { files, cwd: '/p', home: '/root', env: { V: '1' }, warn: () => undefined };
  return loadProject({ files: [], envFiles: [], profiles: [] }, surroundings);
});

test('an anchor that contains itself is refused with its place', () => {
  assert.throws(() => parseYaml('x-a: &x\n  b: *x\n', 'compose.yaml'), /anchor "x" contains itself/);
});

const PATTERNS = [
  '**',
  '*',
  '?',
  '!',
  '/',
  '[a-z]',
  '[^',
  ']',
  'a',
  'b/c',
  '..',
  './',
  '\n',
  '\\',
  '#',
  '(',
  '+',
  '{a,b}',
];
const paths = ['a', 'a/b', 'a/b/c', 'x'.repeat(200), 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b'];
fuzz('.dockerignore of the builder', textOf(PATTERNS), (text) => {
  const rules = parseIgnore(text);
  return paths.map((path) => rules.excludes(path));
});
fuzz('.dockerignore of the client', textOf(PATTERNS), (text) => IgnorePatterns.parse(text));

const REFERENCE = [
  'docker.io',
  '/',
  ':',
  '@',
  'sha256:',
  'a'.repeat(64),
  'library',
  'latest',
  '-',
  '_',
  '.',
  '__',
  'A',
  '5000',
  '[::1]',
];
fuzz('image reference', textOf(REFERENCE), (text) => {
  const once = familiar(parseReference(text));
  const again = familiar(parseReference(once));
  if (again !== once) throw new Error(`${text} is ${once} and then ${again}`);
});

const TEMPLATE = [
  '{{',
  '}}',
  '.',
  '.Name',
  'json ',
  'range ',
  'end',
  'if ',
  'else',
  'with ',
  '|',
  'printf ',
  '"%s"',
  '$',
  '$x := ',
  'index ',
  '(',
  ')',
  '`',
  '-}}',
  '{{-',
  '/*',
  '*/',
  'len ',
  'eq ',
  '1',
  'and ',
  'or ',
  'not ',
  'upper ',
  'split ',
  'table ',
  'println ',
];
const shown = { Name: 'x', List: [1, 2, { Name: 'y' }], Map: { a: 'b' }, Null: null };
fuzz(
  'Go template',
  textOf(TEMPLATE),
  (text) => new CompiledTemplate(text, () => undefined).run(shown),
  (e) => e instanceof WharfError || e instanceof TemplateExecError || (e instanceof Error && e.name === 'ExitError'),
);
