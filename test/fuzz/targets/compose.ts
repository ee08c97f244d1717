import { loadProject } from '../../../src/compose/load/load.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  parse: (input) => {
    const text = input.toString();
    const files = {
      read: (path: string) => (path === '/p/compose.yaml' ? text : undefined),
      isDirectory: (path: string) => path === '/p' || path === '/',
    };
    const surroundings = { files, cwd: '/p', home: '/root', env: { V: '1' }, warn: () => undefined };
    return loadProject({ files: [], envFiles: [], profiles: [] }, surroundings);
  },
  longest: 2048,
  words: [
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
  ],
};
