// The draft of the editor: what it follows, when it has changed, and that nothing typed is lost on the way.

import test from 'ava';
import { type Bytes, formatBytes, toBytes } from '../../../../common/base/bytes.ts';
import type { FoundAnswer } from '../../../../webserver/answers.ts';
import { toBase64 } from '../../../../webserver/editor/bytes-text.ts';
import {
  bytesOf,
  type Draft,
  deletedElsewhere,
  finishRow,
  follow,
  formOf,
  inForm,
  isChanged,
  isCut,
  newDraft,
  take,
  typed,
  typedKey,
  typedRow,
  uncut,
  wholeBytes,
  written,
} from '../../../../webserver/editor/draft.ts';

const PROVENANCE = { range: 1, epoch: 1, node: 'n-a' } as const;

function answer(value: string | Bytes, revision = 1): FoundAnswer {
  const freshness = { stale: false, staleMs: 0 };
  return { key: 'k', value: toBase64(toBytes(value)), revision, ...freshness, ...PROVENANCE };
}

function opened(value: string | Bytes): Draft {
  return follow(newDraft('k'), answer(value));
}

function textOf({ content }: Draft): string {
  return content.kind === 'text' ? content.text : '(rows)';
}

/** The draft in another form; it must not be refused. */
function as(draft: Draft, form: 'text' | 'escaped' | 'hex'): Draft {
  const next = inForm(draft, form);
  if (typeof next === 'string') throw new Error(next);
  return next;
}

test('an untouched draft has not changed, and has the bytes of the value in every form', (t) => {
  for (const value of ['plain', 'a\r\nb\r\n', 'a\r\nb\n', '\u0000', '\ufeffbom', '\\']) {
    for (const form of ['escaped', 'hex'] as const) {
      const draft = as(opened(value), form);
      t.false(isChanged(draft));
      t.deepEqual(bytesOf(draft.content), toBytes(value));
      t.deepEqual(bytesOf(as(draft, formOf(opened(value))).content), toBytes(value));
    }
  }
});

test('a value with CR LF keeps it when a line is typed', (t) => {
  const draft = typed(opened('a\r\nb'), 'a\nb\nc');
  t.true(isChanged(draft));
  t.deepEqual(bytesOf(draft.content), toBytes('a\r\nb\r\nc'));
  t.deepEqual(bytesOf(as(as(draft, 'hex'), 'text').content), toBytes('a\r\nb\r\nc'));
});

test('a draft that was typed back has not changed', (t) => {
  const draft = typed(opened('value'), 'valu');
  t.true(isChanged(draft));
  t.false(isChanged(typed(draft, 'value')));
});

test('a new draft has changed once its key or its value was typed', (t) => {
  t.false(isChanged(newDraft('')));
  t.true(isChanged(typedKey(newDraft(''), 'k')));
  t.false(isChanged(typedKey(typedKey(newDraft(''), 'k'), '')));
  t.true(isChanged(typed(newDraft(''), 'v')));
});

test('a new key in the form keeps the value, and expects that this key is absent', (t) => {
  const draft = typedKey({ ...typed(typedKey(newDraft(''), 'a'), 'v'), guard: 7 }, 'b');
  t.like(draft, { key: 'b', guard: 0 });
  t.is(textOf(draft), 'v');
});

test('newer answers are followed until something is typed, then they are only noted', (t) => {
  const draft = opened('one');
  t.is(textOf(follow(draft, answer('two', 2))), 'two');
  const edited = follow(typed(draft, 'mine'), answer('two', 2));
  t.like(edited, { elsewhere: 2, guard: 1 });
  t.is(textOf(edited), 'mine');
  t.is(textOf(deletedElsewhere(edited)), 'mine');
  t.is(textOf(take(edited, answer('two', 2))), 'two');
});

test('what is typed while a write is under way stays, on the written value', (t) => {
  const sent = typed(typedKey(newDraft(''), 'k'), 'first');
  const done = { revision: 5, ...PROVENANCE };
  const after = written(typed(sent, 'first and more'), toBytes('first'), 'k', done);
  t.is(textOf(after), 'first and more');
  t.true(isChanged(after));
  t.like(after, { guard: 5, elsewhere: null });
  t.is(textOf(follow(after, answer('first', 5))), 'first and more');
  t.false(isChanged(written(sent, toBytes('first'), 'k', done)));
});

test('a long text is cut where a character ends, and stays text', (t) => {
  const text = `${'x'.repeat(64 * 1024 - 1)}äöü`;
  const draft = opened(text);
  t.is(formOf(draft), 'text');
  t.true(isCut(draft));
  t.is(textOf(draft), 'x'.repeat(64 * 1024 - 1));
  t.deepEqual(wholeBytes(draft), toBytes(text));
  t.is(textOf(uncut(draft)), text);
});

test('a long value in hex is edited row by row', (t) => {
  const bytes = new Uint8Array(100_000).fill(0xee);
  const draft = opened(bytes);
  t.is(draft.content.kind, 'rows');
  const editing = typedRow(draft, { row: 1, text: '00 01 0' });
  t.is(bytesOf(editing.content), null);
  t.is(finishRow(editing), editing, 'what is not hexadecimal stays to be mended');
  t.true(isChanged(editing));
  const mended = finishRow(typedRow(editing, { row: 1, text: '00 01' }));
  const expected = Buffer.concat([bytes.subarray(0, 16), Buffer.of(0, 1), bytes.subarray(32)]);
  t.is(formatBytes(bytesOf(mended.content) ?? bytes), formatBytes(expected));
  t.is(typeof inForm(editing, 'text'), 'string', 'another form would lose what was typed');
});
