import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flag, parseFlags } from './flags.ts';

const FLAGS = {
  all: flag.bool('-a, --all', 'all'),
  interactive: flag.bool('-i, --interactive', 'stdin'),
  tty: flag.bool('-t, --tty', 'terminal'),
  proxy: flag.bool('--sig-proxy', 'signals', true),
  publish: flag.list('-p, --publish', 'ports'),
  name: flag.string('--name', 'name'),
  network: flag.string('--network, --net', 'network'),
  memory: flag.bytes('-m, --memory', 'limit'),
  host: flag.string('-h, --hostname', 'host name'),
  filter: flag.filter('-f, --filter', 'filter'),
};

const GOOD: readonly [line: string[], options: Partial<Record<keyof typeof FLAGS, unknown>>, args: string[]][] = [
  [['-it', 'x'], { interactive: true, tty: true }, ['x']],
  [['-p80:80', '-p', '81:81', '-p=82:82', '--publish=83'], { publish: ['80:80', '81:81', '82:82', '83'] }, []],
  [['--all=true', '--sig-proxy=false'], { all: true, proxy: false }, []],
  [['--name=', 'x'], { name: '' }, ['x']],
  [['--name', '-x'], { name: '-x' }, []],
  [['--net', 'n'], { network: 'n' }, []],
  [['-itm', '1g'], { interactive: true, tty: true, memory: 1024 ** 3 }, []],
  [['-hweb'], { host: 'web' }, []],
  [['a', '-a', 'b'], { all: true }, ['a', 'b']],
  [['--', '-a'], { all: false }, ['-a']],
  [['-', '-a'], { all: true }, ['-']],
  [['-f', 'a=b', '--filter=c=d=e'], { filter: ['a=b', 'c=d=e'] }, []],
];

for (const [line, options, args] of GOOD) {
  test(line.join(' '), () => {
    const parsed = parseFlags(FLAGS, line);
    assert.deepEqual(parsed.args, args);
    for (const [key, value] of Object.entries(options)) {
      assert.deepEqual(parsed.options[key as keyof typeof FLAGS], value, key);
    }
  });
}

test('options behind the first argument are not ours where the rest is a command', () => {
  const parsed = parseFlags(FLAGS, ['-i', 'busybox', 'ls', '-a', '--name=x'], false);
  assert.equal(parsed.options.all, false);
  assert.deepEqual(parsed.args, ['busybox', 'ls', '-a', '--name=x']);
  assert.deepEqual([...parsed.given], ['interactive']);
});

const BAD: readonly [line: string[], message: string, hint?: string][] = [
  [['--foo'], 'unknown flag: --foo'],
  [['--nmae=x'], 'unknown flag: --nmae', 'Did you mean --name?'],
  [['-iz'], "unknown shorthand flag: 'z' in -iz"],
  [['--name'], 'flag needs an argument: --name'],
  [['-im'], "flag needs an argument: 'm' in -im"],
  [
    ['--all=maybe'],
    'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
  ],
  [['-m', 'x'], 'invalid argument "x" for "-m, --memory" flag: invalid size: \'x\''],
  [['-f', 'x'], 'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected name=value)'],
  [['–all'], 'unknown flag: –all: it begins with the dash U+2013, not with a hyphen', 'Did you mean --all?'],
  [['—it'], 'unknown flag: —it: it begins with the dash U+2014, not with a hyphen', 'Did you mean --it?'],
];

for (const [line, message, hint] of BAD) {
  test(`${line.join(' ')} is refused`, () => {
    assert.throws(() => parseFlags(FLAGS, line), { name: 'UsageError', message, hint, exitCode: 125 });
  });
}
