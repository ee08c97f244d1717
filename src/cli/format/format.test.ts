import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRows } from './formatter.ts';
import { binarySize, ellipsis, humanDuration, humanSize } from './human.ts';
import { inspectMissing } from './inspect-fields.ts';
import { displayPorts } from './ports.ts';
import { alignTabs } from './table.ts';
import { CompiledTemplate } from './template.ts';

const WEB = {
  Name: '/web',
  State: { Status: 'running', Pid: 7 },
  Config: { Env: ['A=1', 'B=2'], Labels: { a: 'b', c: 'd' }, Entrypoint: null, Volumes: null },
  NetworkSettings: { Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '81/tcp': null } },
  Mounts: [{ Name: 'v' }, { Name: 'w' }],
};

const TEMPLATES: readonly [source: string, output: string][] = [
  ['plain', 'plain'],
  ['{{.Name}}', '/web'],
  ['{{.State.Status}}-{{.State.Pid}}', 'running-7'],
  ['{{json .Config.Env}}', '["A=1","B=2"]'],
  ['{{join .Config.Env ", "}}', 'A=1, B=2'],
  ['{{.Config.Env}} {{.Config.Labels}}', '[A=1 B=2] map[a:b c:d]'],
  ['{{.Config.Entrypoint}} {{.Config.Volumes}} {{json .Config.Volumes}}', '[] map[] null'],
  ['{{index .Config.Labels "a"}}{{index .Config.Env 1}}', 'bB=2'],
  ['{{.Config.Labels.zz}}', '<no value>'],
  ['{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', '8080'],
  [
    '{{range $p, $b := .NetworkSettings.Ports}}{{$p}}={{if $b}}{{(index $b 0).HostPort}}{{else}}-{{end}};{{end}}',
    '80/tcp=8080;81/tcp=-;',
  ],
  ['{{range .Mounts}}{{.Name}} {{end}}', 'v w '],
  ['{{range $i, $m := .Mounts}}{{if $i}},{{end}}{{$m.Name}}{{end}}', 'v,w'],
  ['{{range .Nothing}}x{{else}}none{{end}}'.replace('.Nothing', '.Config.Entrypoint'), 'none'],
  ['{{with .State}}{{.Pid}} {{$.Name}}{{end}}', '7 /web'],
  ['{{if .State.Health}}h{{else if eq .State.Pid 7}}seven{{else}}no{{end}}', 'seven'],
  ['{{if and (eq .State.Status "running") (not .State.Health)}}ok{{end}}', 'ok'],
  ['{{or "" "x"}} {{len .Mounts}} {{ne 1 2}} {{lt 1 2}} {{ge "b" "a"}}', 'x 2 true true true'],
  ['{{printf "%-6s|%03d|%q|%v" .Name .State.Pid "a\\"b" .Config.Env}}', '/web  |007|"a\\"b"|[A=1 B=2]'],
  ['{{.Name | upper | printf "%s!"}}', '/WEB!'],
  ['{{truncate .Name 2}}{{title "some words"}}{{pad "x" 1 2}}.', '/wSome Words x  .'],
  ['{{split "a,b" ","}} {{lower "ABC"}}', '[a b] abc'],
  ['{{/* nothing */}}a {{- " b " -}} c', 'a b c'],
  ['{{$x := 1}}{{$x = 2}}{{$x}}', '2'],
  ['{{define "t"}}<{{.}}>{{end}}{{template "t" .Name}}', '</web>'],
  ['{{println .Name 1}}', '/web 1\n'],
  ['{{`raw "text"`}}{{"tab\\t"}}', 'raw "text"tab\t'],
  ['{{range .Mounts}}{{if eq .Name "w"}}{{break}}{{end}}{{.Name}}{{end}}', 'v'],
];
for (const [source, output] of TEMPLATES) {
  test(source, () => assert.equal(new CompiledTemplate(source, inspectMissing).run(WEB), output));
}

const BAD_TEMPLATES: readonly [source: string, message: string][] = [
  ['{{.Nmae}}', 'template: :1:2: executing "" at <.Nmae>: map has no entry for key "Nmae"; did you mean "Name"?'],
  [
    '{{.State.Health.Status}}',
    'template: :1:8: executing "" at <.State.Health.Status>: map has no entry for key "Health"',
  ],
  ['a\n{{.Name.X}}', 'template: :2:7: executing "" at <.Name.X>: can\'t evaluate field X in type string'],
  ['{{foo .Name}}', 'template parsing error: template: :1: function "foo" not defined'],
  ['{{.Name', 'template parsing error: template: :1: unclosed action'],
  ['{{if .Name}}', 'template parsing error: template: :1: unexpected EOF'],
  ['{{end}}', 'template parsing error: template: :1: unexpected {{end}} in command'],
  ['{{$x}}', 'template parsing error: template: :1: undefined variable "$x"'],
  ['{{}}', 'template parsing error: template: :1: missing value for command'],
  [
    '{{index .Config.Env 9}}',
    'template: :1:2: executing "" at <index .Config.Env 9>: error calling index: index out of range: 9',
  ],
];
for (const [source, message] of BAD_TEMPLATES) {
  test(`${source} fails`, () => {
    assert.throws(() => new CompiledTemplate(source, inspectMissing).run(WEB), { message });
  });
}

test('tables pad columns by three, at least ten wide, and leave last cells alone', () => {
  assert.equal(
    alignTabs('ID\tNAME\tX\nabcdefghijkl\tb\tc\n'),
    'ID             NAME      X\nabcdefghijkl   b         c\n',
  );
  assert.equal(alignTabs('a\tb\n\nlonger-than-ten\tc\n'), 'a         b\n\nlonger-than-ten   c\n');
  assert.equal(alignTabs('no tabs\n'), 'no tabs\n');
});

const LAYOUT = { headings: { ID: 'CONTAINER ID', Names: 'NAMES' }, columns: ['ID', 'Names'], quietField: 'ID' };
const ROWS = [{ ID: () => '1<2', Names: () => 'web', Label: (k: string) => `label ${k}` }];
const FORMATS: readonly [format: string | undefined, quiet: boolean, output: string][] = [
  [undefined, false, 'CONTAINER ID   NAMES\n1<2            web\n'],
  [undefined, true, '1<2\n'],
  ['json', false, '{"ID":"1\\u003c2","Names":"web"}\n'],
  ['{{json .ID}}', false, '"1<2"\n'],
  ['{{.Names}}\\t{{.ID}}', false, 'web\t1<2\n'],
  ['table {{.Names}}\\t{{.Label "x"}}', false, 'NAMES     x\nweb       label x\n'],
];
for (const [format, quiet, output] of FORMATS) {
  test(`--format ${format}${quiet ? ' -q' : ''}`, () =>
    assert.equal(formatRows(ROWS, LAYOUT, { format, quiet }), output));
}

test('sizes', () => {
  const cases: readonly [number, number, string][] = [
    [0, 3, '0B'],
    [999, 3, '999B'],
    [1000, 3, '1kB'],
    [12_345_678, 3, '12.3MB'],
    [1_982_000, 4, '1.982MB'],
    [1_500_000_000_000, 3, '1.5TB'],
  ];
  for (const [bytes, digits, text] of cases) assert.equal(humanSize(bytes, digits), text);
  assert.equal(binarySize(25_276_000_000), '23.54GiB');
});

test('durations', () => {
  const cases: readonly [number, string][] = [
    [0.4, 'Less than a second'],
    [1, '1 second'],
    [59, '59 seconds'],
    [60, 'About a minute'],
    [180, '3 minutes'],
    [3599, '59 minutes'],
    [3600, 'About an hour'],
    [47 * 3600, '47 hours'],
    [3 * 86400, '3 days'],
    [14 * 86400, '2 weeks'],
    [90 * 86400, '3 months'],
    [800 * 86400, '2 years'],
  ];
  for (const [seconds, text] of cases) assert.equal(humanDuration(seconds), text);
});

test('ellipsis counts letters', () => {
  assert.equal(ellipsis('abc', 3), 'abc');
  assert.equal(ellipsis('abcd', 3), 'ab…');
  assert.equal(ellipsis('äöüß', 3), 'äö…');
});

test('ports are drawn together', () => {
  const p = (PrivatePort: number, PublicPort?: number, IP?: string, Type = 'tcp') => ({
    PrivatePort,
    Type,
    ...(PublicPort === undefined ? {} : { PublicPort }),
    ...(IP === undefined ? {} : { IP }),
  });
  assert.equal(displayPorts([]), '');
  assert.equal(displayPorts([p(80)]), '80/tcp');
  assert.equal(displayPorts([p(82), p(80), p(81), p(90)]), '80-82/tcp, 90/tcp');
  assert.equal(displayPorts([p(80, 8080, '0.0.0.0'), p(80, 8080, '::')]), '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp');
  assert.equal(displayPorts([p(80, 80, '0.0.0.0'), p(81, 81, '0.0.0.0')]), '0.0.0.0:80-81->80-81/tcp');
});
