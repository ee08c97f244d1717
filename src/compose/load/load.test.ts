import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WharfError } from '../../core/errors.ts';
import type { Project } from '../model/project.ts';
import type { LoadOptions } from './load.ts';
import { loadProject, loadProjectName } from './load.ts';
import { inDependencyOrder } from './order.ts';

interface Given {
  readonly files: Readonly<Record<string, string>>;
  readonly options?: Partial<LoadOptions>;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

function load(given: Given): { project: Project; warnings: string[] } {
  const warnings: string[] = [];
  const paths = Object.keys(given.files);
  const project = loadProject(
    { files: [], envFiles: [], profiles: [], ...given.options },
    {
      files: { read: (p) => given.files[p], isDirectory: (p) => paths.some((f) => f.startsWith(`${p}/`)) },
      cwd: given.cwd ?? '/p',
      home: '/home/u',
      env: given.env ?? {},
      warn: (text) => warnings.push(text),
    },
  );
  return { project, warnings };
}
const one = (text: string, more: Partial<Given> = {}): Project =>
  load({ ...more, files: { '/p/compose.yaml': text, ...more.files } }).project;

test('a file in a parent folder is found, with its override file', () => {
  const { project } = load({
    cwd: '/p/a/b',
    files: {
      '/p/docker-compose.yml': 'services: {web: {image: a, environment: [A=1, B=1], ports: ["80:80"], command: x y}}',
      '/p/compose.override.yml': 'services: {web: {environment: {B: 2}, ports: ["81:80"], command: [z]}}',
    },
  });
  assert.equal(project.name, 'p');
  assert.equal(project.workingDirectory, '/p');
  const web = project.services['web'];
  assert.deepEqual(web?.environment, { A: '1', B: '2' });
  assert.deepEqual(
    web?.ports?.map((p) => p.published),
    ['80', '81'],
  );
  assert.deepEqual(web?.command, ['z']);
});

test('several -f files share the first one’s folder; standard input is one of them', () => {
  const { project } = load({
    cwd: '/',
    options: { files: ['/p/one.yml', '/q/two.yml', '-'] },
    files: {
      '/p/one.yml': 'services: {web: {image: a, volumes: ["./x:/x"]}}',
      '/q/two.yml': 'services: {web: {volumes: ["./y:/y", "./z:/x"]}}',
      '-': 'services: {web: {labels: [a=b]}}',
    },
  });
  assert.deepEqual(
    project.services['web']?.volumes?.map((v) => `${v.source}:${v.target}`),
    ['/p/z:/x', '/p/y:/y'],
  );
  assert.deepEqual(project.services['web']?.labels, { a: 'b' });
});

test('variables: shell over .env, defaults, one warning each', () => {
  const { project, warnings } = load({
    files: {
      '/p/compose.yaml': 'services: {web: {image: "$A-$B-${C:-c}-$D$D"}}',
      '/p/.env': 'A=dotenv\nB=dotenv\n',
    },
    env: { A: 'shell' },
  });
  assert.equal(project.services['web']?.image, 'shell-dotenv-c-');
  assert.deepEqual(warnings, ['The "D" variable is not set. Defaulting to a blank string.']);
});

test('--env-file replaces .env, later files win', () => {
  const project = one('services: {web: {image: "$A$B"}}', {
    files: { '/p/.env': 'A=no', '/p/1.env': 'A=1\nB=1', '/p/2.env': 'B=2' },
    options: { envFiles: ['1.env', '2.env'] },
  });
  assert.equal(project.services['web']?.image, '12');
});

test('container environment: environment over env_file over earlier env_file; valueless keys from the environment', () => {
  const project = one(
    'services: {web: {image: a, env_file: [a.env, {path: b.env, required: false}, {path: none.env, required: false}], environment: [X=own, SHELL_ONE, NOWHERE]}}',
    {
      files: { '/p/a.env': 'X=a\nY=a\nZ=a', '/p/b.env': 'Z=b\nW=$X' },
      env: { SHELL_ONE: 's' },
    },
  );
  assert.deepEqual(project.services['web']?.environment, {
    X: 'own',
    Y: 'a',
    Z: 'b',
    W: 'own',
    SHELL_ONE: 's',
    NOWHERE: null,
  });
});

test('anchors, merge keys and x- fields', () => {
  const project = one('x-base: &b {A: 1, B: 1}\nservices:\n  web: {image: a, environment: {<<: *b, B: 2}}\n');
  assert.deepEqual(project.services['web']?.environment, { A: '1', B: '2' });
  assert.deepEqual(project.extensions['x-base'], { A: 1, B: 1 });
});

test('what is implied: default network, names of resources, dependencies by links and shared namespaces', () => {
  const project = one(`
services:
  web: {image: a, links: ["db:database"], volumes: ["data:/d"]}
  db: {image: b}
  side: {image: c, network_mode: "service:web"}
volumes: {data: , unused: }
`);
  assert.deepEqual(project.services['web']?.networks, { default: null });
  assert.equal(project.networks['default']?.name, 'p_default');
  assert.equal(project.volumes['data']?.name, 'p_data');
  assert.equal(project.volumes['unused'], undefined);
  assert.equal(project.services['web']?.depends_on?.['db']?.condition, 'service_started');
  assert.equal(project.services['side']?.networks, undefined);
  assert.deepEqual(inDependencyOrder(project.services), ['db', 'web', 'side']);
});

test('profiles choose services; a named service brings its own', () => {
  const text = 'services: {web: {image: a}, debug: {image: b, profiles: [dev]}}';
  assert.deepEqual(Object.keys(one(text).services), ['web']);
  assert.deepEqual(Object.keys(one(text).disabled), ['debug']);
  assert.deepEqual(Object.keys(one(text, { options: { profiles: ['dev'] } }).services), ['web', 'debug']);
  assert.deepEqual(Object.keys(one(text, { env: { COMPOSE_PROFILES: 'x,dev' } }).services), ['web', 'debug']);
  assert.deepEqual(Object.keys(one(text, { options: { services: ['debug'] } }).services), ['web', 'debug']);
  assert.deepEqual(Object.keys(one(text, { options: { profiles: ['*'] } }).services), ['web', 'debug']);
});

test('extends: same file, other file with its own folder, chain; own values win', () => {
  const project = one(
    'services:\n  base: {image: a, environment: {A: 1, B: 1}}\n  web: {extends: base, environment: {B: 2}}\n  far: {extends: {file: sub/x.yml, service: s}, command: [run]}\n',
    {
      files: { '/p/sub/x.yml': 'services: {s: {extends: t, volumes: ["./v:/v"]}, t: {image: far}}' },
    },
  );
  assert.deepEqual(project.services['web']?.environment, { A: '1', B: '2' });
  assert.equal(project.services['far']?.image, 'far');
  assert.equal(project.services['far']?.volumes?.[0]?.source, '/p/sub/v');
});

test('include brings services with their own folder and .env; what is local wins', () => {
  const project = one('include: [inc/c.yml]\nservices: {web: {image: w, depends_on: [db]}, db: {labels: [x=y]}}', {
    files: { '/p/inc/c.yml': 'services: {db: {image: "db:$V", volumes: ["./d:/d"]}}', '/p/inc/.env': 'V=7' },
  });
  assert.equal(project.services['db']?.image, 'db:7');
  assert.equal(project.services['db']?.volumes?.[0]?.source, '/p/inc/d');
  assert.deepEqual(project.services['db']?.labels, { x: 'y' });
});

test('!reset and !override', () => {
  const { project } = load({
    files: {
      '/p/compose.yaml': 'services: {web: {image: a, ports: ["80:80"], environment: {A: 1, B: 1}, dns: [1.1.1.1]}}',
      '/p/compose.override.yaml':
        'services: {web: {ports: !override ["81:81"], dns: !reset [], environment: {A: !reset null}}}',
    },
  });
  assert.deepEqual(
    project.services['web']?.ports?.map((p) => p.published),
    ['81'],
  );
  assert.equal(project.services['web']?.dns, undefined);
  assert.deepEqual(project.services['web']?.environment, { B: '1' });
});

test('the name alone can be had without reading the file', () => {
  const s = {
    files: { read: () => undefined, isDirectory: () => false },
    cwd: '/p',
    home: undefined,
    env: {},
    warn: () => undefined,
  };
  assert.equal(loadProjectName({ files: [], envFiles: [], profiles: [], projectName: 'x' }, s), 'x');
});

const BROKEN: readonly (readonly [string, string, RegExp, number, number])[] = [
  [
    'volumnes',
    'services:\n  web:\n    image: a\n    volumnes: [x]\n',
    /'volumnes' not allowed; did you mean "volumes"/,
    4,
    5,
  ],
  ['depend_on', 'services:\n  web:\n    image: a\n    depend_on: [x]\n', /did you mean "depends_on"/, 4, 5],
  ['envfile', 'services:\n  web:\n    image: a\n    envfile: x\n', /did you mean "env_file"/, 4, 5],
  ['images', 'services:\n  web:\n    images: a\n', /did you mean "image"/, 3, 5],
  ['service at the top', 'service:\n  web:\n    image: a\n', /did you mean "services"/, 1, 1],
  ['a tab', 'services:\n\tweb:\n    image: a\n', /tab character/, 2, 1],
  ['no space after the colon', 'services:\n  web:\n    image:nginx\n', /a space is missing .*"image: nginx"/, 3, 5],
  [
    'no space, more keys',
    'services:\n  web:\n    image:nginx\n    ports: ["80"]\n',
    /a space is missing .*"image: nginx"/,
    3,
    11,
  ],
  [
    'a required variable',
    'services:\n  web:\n    image: ${NOPE:?set it}\n',
    /required variable NOPE is missing a value: set it/,
    3,
    12,
  ],
  [
    'a cycle',
    'services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, depends_on: [a]}\n',
    /cycle detected: a -> b -> a/,
    3,
    30,
  ],
  [
    'an undefined dependency',
    'services:\n  a: {image: a, depends_on: [bb]}\n  b: {image: b}\n',
    /depends on undefined service "bb"/,
    2,
    30,
  ],
  [
    'an undefined network',
    'services:\n  a:\n    image: a\n    networks: [fornt]\nnetworks: {front: }\n',
    /undefined network fornt/,
    4,
    16,
  ],
  [
    'an undefined volume',
    'services:\n  a:\n    image: a\n    volumes: ["dat:/d"]\nvolumes: {data: }\n',
    /undefined volume dat/,
    4,
    15,
  ],
  ['a bad port', 'services:\n  a:\n    image: a\n    ports: ["abc:80"]\n', /Invalid hostPort: abc/, 4, 13],
  ['a duplicate key', 'services:\n  a:\n    image: a\n    image: b\n', /"image" already defined at line 3/, 4, 5],
  ['a wrong type', 'services:\n  a:\n    image: a\n    user: 1000\n', /services.a.user must be a string/, 4, 11],
  ['neither image nor build', 'services:\n  a: {ports: ["80"]}\n', /neither an image nor a build/, 2, 3],
  ['layout of version 1', 'web:\n  image: a\n', /version 1/, 1, 1],
  [
    'volumes below services',
    'services:\n  a: {image: a}\n  volumes:\n    data:\n',
    /expected it at the top level/,
    3,
    3,
  ],
  [
    'a scalar environment',
    'services:\n  a:\n    image: a\n    environment: K:v\n',
    /must be a map of KEY: value/,
    4,
    18,
  ],
  ['a quote too many', 'services:\n  a:\n    ports:\n      - "80:80""\n', /unexpected quote/, 4, 16],
  [
    'a missing env_file',
    'services:\n  a:\n    image: a\n    env_file: no.env\n',
    /env file \/p\/no.env not found/,
    4,
    15,
  ],
];
for (const [name, text, message, line, column] of BROKEN) {
  test(`broken file: ${name}`, () => {
    assert.throws(
      () => one(text),
      (e) => {
        assert.ok(e instanceof WharfError);
        assert.match(e.message, message);
        assert.deepEqual(e.context.at, { file: 'compose.yaml', line, column });
        return true;
      },
    );
  });
}

test('no file at all', () => assert.throws(() => load({ files: {} }), /no configuration file provided: not found/));
