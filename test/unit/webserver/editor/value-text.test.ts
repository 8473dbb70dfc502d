// A value that is shown and not touched gives the same bytes again, in every form, even though a text field changes line ends.

import test from 'ava';
import fc from 'fast-check';
import { type Bytes, equalBytes, formatBytes, parseBytes, toBytes } from '../../../../common/base/bytes.ts';
import {
  bestForm,
  FORMS,
  type Form,
  headOf,
  read,
  refusalOf,
  show,
} from '../../../../webserver/editor/value-text.ts';

/** Pieces of values that editors change: line ends, NUL, a byte-order mark, half of a surrogate pair, bytes that are not UTF-8. */
const PIECES = [
  ...['a', 'ä', '\n', '\r', '\r\n', '\t', '\\', '\\x41', ' ', '😀', '\u2028'].map(toBytes),
  ...[
    '\\x00',
    '\\xef\\xbb\\xbf',
    '\\xed\\xa0\\x80',
    '\\xff',
    '\\xc3',
    '\\xf0\\x9f\\x98',
    '\\x7f',
    '\\xc2\\x85',
  ].map(parseBytes),
];
const value = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .array(fc.constantFrom(...PIECES), { maxLength: 12 })
    .map((pieces) => new Uint8Array(Buffer.concat(pieces))),
  fc
    .constantFrom('\n', '\r\n', '\r')
    .chain((lineEnd) =>
      fc
        .array(fc.string({ unit: 'grapheme' }), { maxLength: 6 })
        .map((lines) => toBytes(lines.join(lineEnd))),
    ),
);

/** What a textarea gives back of a text that it was given. */
function throughTextarea(text: string): string {
  return text.replace(/\r\n|\r/g, '\n');
}

function kept(bytes: Bytes, form: Form): Bytes {
  const shown = show(bytes, form);
  return read({ ...shown, text: throughTextarea(shown.text) });
}

for (const form of FORMS) {
  test(`${form}: bytes that are shown and not touched come back`, (t) => {
    const property = fc.property(value, (bytes) => {
      if (refusalOf(bytes, form) === null) t.is(formatBytes(kept(bytes, form)), formatBytes(bytes));
    });
    fc.assert(property, { numRuns: 2_000, endOnFailure: true });
    t.pass();
  });
}

test('the best form is never refused', (t) => {
  fc.assert(
    fc.property(value, (bytes) => refusalOf(bytes, bestForm(bytes)) === null),
    { numRuns: 2_000 },
  );
  t.pass();
});

const shownAs = test.macro<[string, Form, string]>({
  title: (_, bytes, form) => `${bytes} is shown as ${form}`,
  exec(t, bytes, form, text) {
    const best = bestForm(parseBytes(bytes));
    t.is(best, form);
    t.is(show(parseBytes(bytes), best).text, text);
  },
});

test(shownAs, '', 'text', '');
test(shownAs, 'ä\\n\\tb\\n', 'text', 'ä\n\tb\n');
test(shownAs, 'a\\r\\nb\\r\\n', 'text', 'a\nb\n');
test(shownAs, 'a\\rb', 'text', 'a\nb');
test(shownAs, 'a\\r\\nb\\n', 'escaped', 'a\\x0d\nb\n');
test(shownAs, 'a\\x00b\\\\', 'escaped', 'a\\x00b\\\\');
test(shownAs, 'a\\xff', 'hex', '61 ff');

const refused = test.macro<[Form, string, RegExp]>({
  title: (_, form, text) => `${JSON.stringify(text)} is not ${form}`,
  exec: (t, form, text, says) => {
    t.throws(() => read({ form, text, lineEnd: '\n' }), { instanceOf: RangeError, message: says });
  },
});

test(refused, 'hex', '0g', /not hexadecimal/);
test(refused, 'hex', '0', /a digit is missing/);
test(refused, 'escaped', '\\q', /bad escape/);
for (const form of FORMS) test(refused, form, 'a\ud800', /surrogate/);

test('typed lines end as the lines of the value do', (t) => {
  const shown = show(toBytes('a\r\nb'), 'text');
  t.is(formatBytes(read({ ...shown, text: `${shown.text}\nc` })), 'a\\x0d\\x0ab\\x0d\\x0ac');
});

test('the beginning of a text is text, wherever it is cut', (t) => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 });
  const property = fc.property(text, fc.nat(40), (text, max) => {
    const bytes = toBytes(text);
    const head = headOf(bytes, max);
    t.true(head.length <= max || head.length === bytes.length);
    t.true(bytes.length <= max || head.length > max - 4);
    t.true(equalBytes(head, bytes.subarray(0, head.length)));
    t.not(bestForm(head), 'hex');
  });
  fc.assert(property, { numRuns: 1_000, endOnFailure: true });
  t.is(formatBytes(headOf(toBytes('ab\r\ncd'), 3)), 'ab', 'a line end is not split');
});
