// Text on a terminal: control characters, widths, and lines that are broken between words.

import test from 'ava';
import fc from 'fast-check';
import { columnsOf, fitting, messageFor, textWidth, wrapped } from '../../../common/process/terminal-text.ts';
import { visible, visibleLine } from '../../../common/process/visible.ts';

const shows = test.macro({
  exec(t, text: string, expected: string, line: string = expected) {
    t.is(visible(text), expected);
    t.is(visibleLine(text), line);
  },
  title: (_, text: string) => `${JSON.stringify(text)} is made visible`,
});

test(shows, 'größe 日本 👍 \\', 'größe 日本 👍 \\');
test(shows, 'a\x1b[31mred', 'a\\u001b[31mred');
test(shows, 'a\u009b31m', 'a\\u009b31m');
test(shows, 'a\u202eb\u2066c\u200f', 'a\\u202eb\\u2066c\\u200f');
test(shows, '\x00\x07\x7f\b', '\\u0000\\u0007\\u007f\\u0008');
test(shows, 'a\nb\tc\r\nd', 'a\nb\tc\r\nd', 'a\\u000ab\\u0009c\\u000d\\u000ad');
test(shows, 'over\rwritten', 'over\\u000dwritten');
test(shows, '\u2028\ud800\u{e0041}', '\\u2028\\ud800\\udb40\\udc41');

test('JSON stays the same JSON', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      t.is(JSON.parse(visible(JSON.stringify(text))), text);
    }),
  );
});

test('nothing that a terminal obeys is left in any text', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      t.notRegex(visibleLine(text), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }),
  );
});

const isWide = test.macro({
  exec(t, text: string, columns: number) {
    t.is(textWidth(text), columns);
  },
  title: (_, text: string, columns: number) => `${text} takes ${columns} columns`,
});

test(isWide, 'ada', 3);
test(isWide, '日本', 4);
test(isWide, '👍🏽', 2);
test(isWide, '👩‍👩‍👧', 2);
test(isWide, 'e\u0301', 1);

test('text is cut between characters as people see them', (t) => {
  t.is(fitting('日本語', 5), '日本');
  t.is(fitting('a👩‍👩‍👧b', 2), 'a');
  t.is(fitting('ae\u0301b', 2), 'ae\u0301');
  t.is(fitting('ada', 3), 'ada');
});

test('a terminal that does not know its width has 80 columns; a pipe has none', (t) => {
  t.is(columnsOf({ isTTY: true, columns: 0 }), 80);
  t.is(columnsOf({ isTTY: true }), 80);
  t.is(columnsOf({ isTTY: true, columns: 33 }), 33);
  t.is(columnsOf({ columns: 33 }), null);
});

const breaks = test.macro({
  exec(t, columns: number, text: string, expected: string) {
    t.is(wrapped(text, columns), expected);
  },
  title: (_, columns: number, text: string) => `${JSON.stringify(text)} in ${columns} columns`,
});

test(breaks, 20, 'short\nlines', 'short\nlines');
test(breaks, 12, 'one two three four', 'one two\n  three four');
test(breaks, 10, 'a verylongwordindeed b', 'a\n  verylongwordindeed\n  b');
test(
  breaks,
  40,
  '  put KEY VALUE    write a value under a key',
  '  put KEY VALUE    write a value under a\n                   key',
);
test(breaks, 30, '  put KEY VALUE    write a value', '  put KEY VALUE write a value');
test(breaks, 8, '日本 日本 日本', '日本\n  日本\n  日本');

test('a message is broken on a terminal only, and loses its control characters everywhere', (t) => {
  t.is(messageFor({}, 'one two\x1b three'), 'one two\\u001b three');
  t.is(messageFor({ isTTY: true, columns: 8 }, 'one two three'), 'one two\n  three');
});
