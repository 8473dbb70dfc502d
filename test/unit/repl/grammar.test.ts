// The language: words, commands and arguments, and the error message for each wrong form.

import test from 'ava';
import fc from 'fast-check';
import { formatBytes, parseBytes, toHex, utf8OrNull } from '../../../common/base/bytes.ts';
import { bind, type Signature } from '../../../repl/arguments.ts';
import { quoteWord, readCommands } from '../../../repl/grammar.ts';
import { VERBS } from '../../../repl/verbs/verbs.ts';

const words = (text: string) =>
  readCommands(text).commands.map((command) => command.words.map((word) => word.text));

const reads = test.macro({
  exec(t, text: string, expected: string[][]) {
    t.deepEqual(words(text), expected);
    t.is(readCommands(text).open, null);
  },
  title: (_, text) => `reads ${JSON.stringify(text)}`,
});

test(reads, '', []);
test(reads, '  ; ;\n', []);
test(reads, 'put a 1', [['put', 'a', '1']]);
test(reads, ' put\ta  1 \r\n', [['put', 'a', '1']]);
test(reads, 'put a 1; get a\nget b', [
  ['put', 'a', '1'],
  ['get', 'a'],
  ['get', 'b'],
]);
test(reads, 'put "a b" \'c;d\'', [['put', 'a b', 'c;d']]);
test(reads, 'put "" 1', [['put', '', '1']]);
test(reads, 'scan --prefix="a b" --end=\'c d\'', [['scan', '--prefix=a b', '--end=c d']]);
test(reads, 'put j {"name":"ada"}', [['put', 'j', '{"name":"ada"}']]);
test(reads, 'put j {"a": ["x; y", "it\'s"]} --if-revision 1', [
  ['put', 'j', '{"a": ["x; y", "it\'s"]}', '--if-revision', '1'],
]);
test(reads, 'put j [1, "two"]; get j', [
  ['put', 'j', '[1, "two"]'],
  ['get', 'j'],
]);
test(reads, 'put j {\n  "a": "\\n\\""\n}\nget j', [
  ['put', 'j', '{\n  "a": "\\\\n\\\\""\n}'],
  ['get', 'j'],
]);
test(reads, 'put {} []', [['put', '{}', '[]']]);
test(reads, 'get {user}/name [a [2024-01-01] [1]x {}x', [
  ['get', '{user}/name', '[a', '[2024-01-01]', '[1]x', '{}x'],
]);
test(reads, 'put j {\\"a\\":1}', [['put', 'j', '{"a":1}']]);
test(reads, "put it\\'s 1", [['put', "it's", '1']]);
test(reads, 'put "say \\"x\\"" \'it"s\'', [['put', 'say "x"', 'it"s']]);
test(reads, 'put a\\ b\\;c 1', [['put', 'a b;c', '1']]);
test(reads, 'put \\x00\\xff "\\x41\\n\\\\"', [['put', '\\x00\\xff', '\\x41\\n\\\\']]);
test(reads, 'put a b\\\r\nget a', [
  ['put', 'a', 'b\\'],
  ['get', 'a'],
]);
test(reads, "put a '\\x41'", [['put', 'a', '\\\\x41']]);
test(reads, 'put a "two\nlines"', [['put', 'a', 'two\nlines']]);
test(reads, '# all of this; is a comment\nget a', [['get', 'a']]);
test(reads, 'get a;# a comment\nget b', [
  ['get', 'a'],
  ['get', 'b'],
]);
test(reads, 'put #a 1#2', [['put', '#a', '1#2']]);
test(reads, 'get größe 日本 😀', [['get', 'größe', '日本', '😀']]);

const faulty = test.macro({
  exec(t, text: string, near: string) {
    const { commands, open } = readCommands(`get before; ${text}; get same-line\nget after`);
    t.is(open, null);
    t.deepEqual(
      commands.map(({ fault }) => fault === null),
      [true, false, true],
      'the command with the fault takes the rest of its line',
    );
    const fault = commands[1]?.fault ?? '';
    t.regex(
      fault,
      /^(this is no JSON, and )?quotes go around a whole word, as in "it's" or '\{"a": 1\}'[^\n]+$/,
    );
    t.true(fault.endsWith(`: ${near}`), fault);
  },
  title: (_, text) => `refuses ${text}`,
});

test(faulty, "put a it's", "it's");
test(faulty, 'put j {"name":"ada",}', '{"name":"ada",}');
test(faulty, 'put j {name:"ada"}', '{name:"ada"}');
test(faulty, 'put j [1]"x"', '[1]"x"');
test(faulty, 'put j [1 2]', '[1');
test(faulty, 'put j {"a":"tab\there"}', '{"a":"tab');
test(faulty, 'put j {\n"a": tru\n}', '{');
test(faulty, 'put a"b c" 1', 'a"b');
test(faulty, 'put "a"b 1', '"a"b');
test(faulty, "put 'a''b' 1", "'a''b'");
test(faulty, 'put --prefix="a"b 1', '--prefix="a"b');
test(faulty, 'put a" 1', 'a"');

test('an open quote or JSON needs more input', (t) => {
  t.is(readCommands('put a {').open, '{');
  t.is(readCommands('put a {"b": [1,\n').open, '{');
  t.is(readCommands('put a ["b').open, '[');
  t.is(readCommands('put a "1 2').open, '"');
  t.is(readCommands("put a '1; get b\n").open, "'");
  t.is(readCommands('put a "1\\"').open, '"');
});

test('a command knows the line on which it starts', (t) => {
  const lines = readCommands('get a\n\nput b "1\n2"; get c\n# x\nget d').commands.map(({ line }) => line);
  t.deepEqual(lines, [1, 3, 4, 6]);
});

test('JSON that is pasted is read back byte for byte, in one line or several', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue())), (value) => {
      for (const json of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
        const [command] = readCommands(`put j ${json}; get j`).commands;
        t.deepEqual(
          command?.words.map(({ text }) => utf8OrNull(parseBytes(text))),
          ['put', 'j', json],
        );
      }
    }),
  );
});

test('any key is read back byte for byte, if it is formatted and quoted as completion does', (t) => {
  fc.assert(
    fc.property(fc.uint8Array(), (key) => {
      const line = `get ${quoteWord(formatBytes(key))} end`;
      const [command] = readCommands(line).commands;
      const word = command?.words[1];
      t.is(command?.words.length, 3, line);
      t.is(toHex(parseBytes(word?.text ?? '')), toHex(key), line);
    }),
  );
});

test('no text makes the reader fail or go wrong', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab \'"\\;#\nx0') }), (text) => {
      const places = readCommands(text).commands.flatMap(({ words: each }) => each);
      t.true(places.every(({ from, to }) => from < to && to <= text.length));
    }),
  );
});

const SIGNATURE: Signature = {
  name: 'verb',
  parameters: [
    { name: 'KEY', kind: 'key' },
    { name: 'N', kind: 'integer', optional: true },
  ],
  options: [
    { name: 'prefix', value: { name: 'P', kind: 'bytes' }, help: '' },
    { name: 'read', value: { name: 'MODE', kind: 'text', choices: ['a', 'b'] }, help: '' },
    { name: 'reverse', help: '' },
  ],
};

function bound(line: string) {
  const [command] = readCommands(line).commands;
  return bind(SIGNATURE, command?.words ?? []);
}

test('arguments: positions and options in any order', (t) => {
  const args = bound('--reverse k --prefix=p\\x00 7 --read b');
  t.is(toHex(args.bytes('KEY')), '6b');
  t.is(args.integer('N'), 7);
  t.is(toHex(args.bytes('prefix')), '7000');
  t.is(args.text('read'), 'b');
  t.true(args.has('reverse'));
});

test('arguments: a quoted word and a word after -- are never options', (t) => {
  t.is(toHex(bound('"--prefix"').bytes('KEY')), toHex(parseBytes('--prefix')));
  t.is(toHex(bound('-- --reverse').bytes('KEY')), toHex(parseBytes('--reverse')));
  t.is(toHex(bound('--prefix -- k').bytes('prefix')), toHex(parseBytes('--')));
});

test('arguments: an optional one may be missing', (t) => {
  const args = bound('k');
  t.false(args.has('N'));
  t.is(args.integerOrNone('N'), undefined);
});

const refuses = test.macro({
  exec(t, line: string, complaint: RegExp) {
    const error = t.throws(() => bound(line), { name: 'UsageError', message: complaint });
    t.regex(error?.message ?? '', /\nusage: verb KEY \[N\] \[--prefix P\] \[--read a\|b\] \[--reverse\]$/);
  },
  title: (_, line) => `refuses ${JSON.stringify(line)}`,
});

test(refuses, '', /KEY is missing/);
test(refuses, 'k 1 2', /too many words, the first is 2 \(quotes keep blanks in a word: "one two"\)/);
test(refuses, 'k x', /N is a whole number, not x/);
test(refuses, 'k 1.5', /N is a whole number/);
test(refuses, 'k 99999999999999999999', /N is a whole number/);
test(refuses, 'k --limit 3', /there is no option --limit/);
test(refuses, 'k --prefix', /--prefix needs P/);
test(refuses, 'k --reverse=1', /--reverse takes no value/);
test(refuses, 'k --reverse --reverse', /--reverse is given twice/);
test(refuses, 'k --read c', /--read is one of a, b/);
test(refuses, 'k\\xZZ', /KEY: bad escape/);

test('every verb has a name of its own, and only last parameters are optional', (t) => {
  const names = VERBS.flatMap((verb) => [verb.name, ...(verb.aliases ?? [])]);
  t.is(new Set(names).size, names.length);
  for (const verb of VERBS) {
    const optional = verb.parameters.map((parameter) => parameter.optional === true);
    t.deepEqual(optional, [...optional].sort(), verb.name);
  }
});
