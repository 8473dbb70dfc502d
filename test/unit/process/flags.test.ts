// Command lines: the values that a table of flags gives for arguments and environment variables.

import test from 'ava';
import { EXIT, ProcessExit } from '../../../common/process/exit.ts';
import {
  address,
  advertised,
  byteSize,
  checkAdvertised,
  choice,
  integer,
  list,
  readFlags,
  sessionFlag,
  text,
  toggle,
  ZK_FLAG,
} from '../../../common/process/flags.ts';

const COMMAND = {
  name: 'rangekeeper sample',
  summary: 'A sample.',
  flags: {
    zk: ZK_FLAG,
    data: text({ value: 'DIR', help: 'data directory' }),
    zone: text({ help: 'zone', fallback: null }),
    listen: address({ help: 'where to listen', fallback: '127.0.0.1:0' }),
    advertise: advertised({ help: 'what others are told', fallback: null }),
    nodes: integer({ help: 'nodes', min: 1, max: 9, fallback: 3 }),
    sessionMs: sessionFlag(4_000),
    output: choice({ help: 'form', words: ['table', 'json'], fallback: 'table' }),
    memory: byteSize({
      help: 'memory',
      faultOf: (bytes) => (bytes < 1_000 ? 'is too little' : null),
      fallback: null,
    }),
    fresh: toggle({ help: 'empty it first' }),
    execute: list({ help: 'a command', value: 'TEXT', short: 'e' }),
  },
  positionals: '[FILE...]',
} as const;

const NONE = {};

function values(argv: readonly string[], environment: Record<string, string> = NONE) {
  return readFlags(COMMAND, ['--data', 'd', ...argv], environment).values;
}

type Values = ReturnType<typeof values>;

const gives = test.macro({
  exec(
    t,
    argv: readonly string[],
    environment: Record<string, string>,
    key: keyof Values,
    expected: Values[keyof Values],
  ) {
    t.deepEqual(values(argv, environment)[key], expected);
  },
  title: (_, argv: readonly string[], environment, key, expected) =>
    `[${argv.join(' ')}] ${JSON.stringify(environment)} gives ${key} = ${JSON.stringify(expected)}`,
});

test(gives, [], NONE, 'zk', '127.0.0.1:2181/rangekeeper');
test(gives, ['--zk', 'a:1,[::1]:2/root/of'], NONE, 'zk', 'a:1,[::1]:2/root/of');
test(gives, [], NONE, 'data', 'd');
test(gives, [], NONE, 'zone', null);
test(gives, ['--zone=z1'], NONE, 'zone', 'z1');
test(gives, [], { RANGEKEEPER_ZONE: 'z2' }, 'zone', 'z2');
test(gives, ['--zone', 'z1'], { RANGEKEEPER_ZONE: 'z2' }, 'zone', 'z1');
test(gives, [], { RANGEKEEPER_ZONE: '' }, 'zone', null);
test(gives, ['--nodes', '9'], NONE, 'nodes', 9);
test(gives, [], { RANGEKEEPER_SESSION_MS: '2000' }, 'sessionMs', 2000);
test(gives, ['--output', 'json'], NONE, 'output', 'json');
test(gives, [], NONE, 'memory', null);
test(gives, ['--memory', '512MB'], NONE, 'memory', 512_000_000);
test(gives, [], { RANGEKEEPER_MEMORY: '1GiB' }, 'memory', 1024 ** 3);
test(gives, [], NONE, 'fresh', false);
test(gives, ['--fresh'], NONE, 'fresh', true);
test(gives, [], { RANGEKEEPER_FRESH: 'yes' }, 'fresh', true);
test(gives, [], { RANGEKEEPER_FRESH: '0' }, 'fresh', false);
test(gives, ['-e', 'one', '--execute', 'two'], NONE, 'execute', ['one', 'two']);
test(gives, [], { RANGEKEEPER_EXECUTE: 'one' }, 'execute', ['one']);

const refused = test.macro({
  exec(t, argv: readonly string[], environment: Record<string, string>, message: string) {
    const error = t.throws(() => values(argv, environment), { instanceOf: ProcessExit });
    t.is(error.code, EXIT.usage);
    t.is(error.message, `rangekeeper sample: ${message} (see rangekeeper sample --help)`);
  },
  title: (_, argv: readonly string[], environment) =>
    `[${argv.join(' ')}] ${JSON.stringify(environment)} is refused`,
});

test(refused, ['--nods', '3'], NONE, "unknown option '--nods', did you mean --nodes?");
test(refused, ['--data-dir=x', '--Zone', 'z'], NONE, "unknown option '--data-dir'");
test(refused, ['--Zone', 'z'], NONE, "unknown option '--Zone', did you mean --zone?");
test(refused, ['-x'], NONE, "unknown option '-x'");
test(refused, ['--nodes'], NONE, "option '--nodes <value>' argument missing");
test(refused, ['--nodes', '10'], NONE, '--nodes: 10 is not a number from 1 to 9');
test(refused, ['--nodes', '2x'], NONE, '--nodes: 2x is not a number from 1 to 9');
test(refused, ['--nodes='], NONE, '--nodes:  is not a number from 1 to 9');
test(refused, [], { RANGEKEEPER_NODES: 'many' }, 'RANGEKEEPER_NODES: many is not a number from 1 to 9');
test(refused, ['--listen', '127.0.0.1'], NONE, '--listen: "127.0.0.1" is not host:port');
test(refused, ['--listen', '127.0.0.1:65536'], NONE, '--listen: "127.0.0.1:65536" is not host:port');
test(refused, ['--listen', ':80'], NONE, '--listen: ":80" is not host:port');
test(refused, ['--listen', 'node.4:80'], NONE, '--listen: "node.4:80" is not host:port');
test(refused, ['--advertise', '0.0.0.0:80'], NONE, '--advertise: others cannot connect to 0.0.0.0:80');
test(refused, ['--advertise', 'a:0'], NONE, '--advertise: others cannot connect to a:0');
test(
  refused,
  ['--zk', 'a:1,:2/root'],
  NONE,
  '--zk: ZooKeeper connect string "a:1,:2/root": ":2" is not host:port (expected host:port,host:port/root)',
);
test(refused, ['--output', 'xml'], NONE, '--output: xml is none of table, json');
test(refused, ['--memory', 'much'], NONE, '--memory: much is not an amount such as 512MB or 1GiB');
test(refused, [], { RANGEKEEPER_MEMORY: '999' }, 'RANGEKEEPER_MEMORY: is too little');
test(refused, ['--zone='], NONE, '--zone: is empty');
test(refused, [], { RANGEKEEPER_FRESH: 'maybe' }, 'RANGEKEEPER_FRESH: maybe is neither 1 nor 0');

const published = test.macro({
  exec(t, argv: readonly string[], isRefused: boolean) {
    const given = values(argv);
    if (!isRefused) return t.notThrows(() => checkAdvertised(COMMAND, given));
    const error = t.throws(() => checkAdvertised(COMMAND, given), { instanceOf: ProcessExit });
    t.is(error.code, EXIT.usage);
    t.regex(error.message, /^rangekeeper sample: --listen \S+ names no host [^\n]+ give --advertise/);
  },
  title: (_, argv: readonly string[], isRefused) =>
    `[${argv.join(' ')}] ${isRefused ? 'names no host' : 'names one'}`,
});

test(published, ['--listen', '0.0.0.0:7400'], true);
test(published, ['--listen', '0:7400'], true);
test(published, ['--listen', '[::]:7400'], true);
test(published, ['--listen', '[0:0::0]:0'], true);
test(published, ['--listen', '0.0.0.0:7400', '--advertise', 'a:7400'], false);
test(published, ['--listen', '[::1]:7400'], false);
test(published, [], false);

test('a flag without a default must be given', (t) => {
  const error = t.throws(() => readFlags(COMMAND, [], NONE), { instanceOf: ProcessExit });
  t.is(error.message, 'rangekeeper sample: --data is missing (see rangekeeper sample --help)');
});

test('positional arguments are accepted if the command allows them, and refused otherwise', (t) => {
  t.deepEqual(readFlags(COMMAND, ['--data', 'd', 'one', '--', '--two'], NONE).positionals, ['one', '--two']);
  const { positionals: _, ...strict } = COMMAND;
  const error = t.throws(() => readFlags(strict, ['--data', 'd', 'one'], NONE), { instanceOf: ProcessExit });
  t.regex(error.message, /^rangekeeper sample: unexpected argument 'one'/);
});

test('`given` has the flags that were set, without the defaults', (t) => {
  const { given } = readFlags(COMMAND, ['--data', 'd'], { RANGEKEEPER_NODES: '3' });
  t.deepEqual([...given].sort(), ['data', 'nodes']);
});

for (const flag of ['--version', '-V']) {
  test(`${flag} ends with code 0, the name and the version of the package, whatever is missing`, (t) => {
    const error = t.throws(() => readFlags(COMMAND, [flag], NONE), { instanceOf: ProcessExit });
    t.is(error.code, EXIT.ok);
    t.regex(error.message, /^rangekeeper \d+\.\d+\.\d+$/);
  });
}

test('--help ends with code 0 and names every flag, its default and its environment variable', (t) => {
  const error = t.throws(() => readFlags(COMMAND, ['--help'], NONE), { instanceOf: ProcessExit });
  t.is(error.code, EXIT.ok);
  for (const part of ['--session-ms MS', '[default 4000; RANGEKEEPER_SESSION_MS]', '-e, --execute TEXT']) {
    t.true(error.message.includes(part), part);
  }
  t.true(error.message.includes('[required; RANGEKEEPER_DATA]'));
});
