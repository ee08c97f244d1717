// Which part may look at which (docs/architecture.md). dependency-cruiser reads the sources with swc.
const MAY = {
  cli: ['client', 'compose'],
  compose: ['client'],
  client: [],
  web: ['client'],
  api: ['engine', 'build'],
  build: ['engine', 'registry', 'storage', 'network', 'runtime', 'linux'],
  engine: ['registry', 'storage', 'network', 'runtime'],
  registry: ['storage'],
  storage: ['linux'],
  network: ['linux'],
  runtime: ['linux'],
  linux: [],
  core: [],
};
const TEST = '\\.(test|suite)\\.ts$';
const down = ([part, may]) => ({
  name: `${part}-looks-down`,
  severity: 'error',
  from: { path: `^src/${part}/`, pathNot: TEST },
  to: { path: '^src/', pathNot: `^src/(${[part, 'core', ...may].join('|')})/` },
});
module.exports = {
  forbidden: [
    ...Object.entries(MAY).map(down),
    {
      name: 'by-the-door',
      comment: 'another part is entered through its index.ts; core/ has no door, its files are imported',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: TEST },
      to: { path: '^src/', pathNot: '^src/(core/|$1/|[^/]+/index\\.ts$)' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'pure-compose',
      comment: 'loading and planning do no I/O of their own',
      severity: 'error',
      from: { path: '^src/compose/(load|plan)/', pathNot: TEST },
      to: { path: '^(node:)?(fs|net|http|child_process)|^src/client' },
    },
    {
      name: 'ffi-in-linux-only',
      severity: 'error',
      from: { pathNot: '^src/linux/' },
      to: { path: 'node_modules/koffi' },
    },
    {
      name: 'not-into-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { path: '^(test|bench|scripts)/' },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|examples)/' },
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
