// The draft of a key and its value in the editor, with pure functions from one draft to the next. A draft is based on an
// answer, or on nothing if the key is new. It follows newer answers as long as nobody has typed into it.

import { type Bytes, equalBytes } from '../../common/base/bytes.ts';
import type { FoundAnswer, WrittenAnswer } from '../answers.ts';
import { fromBase64, toBase64 } from './bytes-text.ts';
import { type RowEdit, withEdit } from './hex-rows.ts';
import { bestForm, type Form, headOf, read, refusalOf, show, type ValueText } from './value-text.ts';

/** Of a longer text only the beginning is shown, until the user asks for all of it. Longer hex is shown row by row. */
const SHOWN_BYTES_MAX = 64 * 1024;

/** What the editor shows of a value. */
export type Content =
  /** `cut`: only the beginning of the value is shown. It cannot be edited then. */
  | ({ readonly kind: 'text'; readonly cut: boolean } & ValueText)
  | { readonly kind: 'rows'; readonly bytes: Bytes; readonly edit: RowEdit | null };

export interface Draft {
  readonly key: string;
  readonly content: Content;
  /** Whether the value was changed by typing since the last answer was taken over. */
  readonly dirty: boolean;
  /** Whether the key was typed and not written yet. */
  readonly keyTyped: boolean;
  /** Whether a write expects a revision. */
  readonly guarded: boolean;
  /** The revision that a write expects; 0: the key is absent. */
  readonly guard: number;
  /** The answer on which the draft is based; null: none. */
  readonly base: FoundAnswer | null;
  /** The key's revision after somebody else has changed it; 0: deleted; null: it has not changed. */
  readonly elsewhere: number | null;
}

export function newDraft(key: string): Draft {
  return {
    key,
    content: { kind: 'text', cut: false, form: 'text', text: '', lineEnd: '\n' },
    dirty: false,
    keyTyped: false,
    guarded: true,
    guard: 0,
    base: null,
    elsewhere: null,
  };
}

/** Whether something would be lost with the draft. */
export function isChanged({ dirty, keyTyped }: Draft): boolean {
  return dirty || keyTyped;
}

/** Takes over a newer answer, or only notes its revision if somebody has typed into the draft. */
export function follow(draft: Draft, answer: FoundAnswer): Draft {
  if (draft.base?.revision === answer.revision) return { ...draft, base: answer, elsewhere: null };
  return draft.dirty ? { ...draft, elsewhere: answer.revision } : take(draft, answer);
}

/** Takes over this answer, and discards what was typed. */
export function take(draft: Draft, answer: FoundAnswer): Draft {
  const bytes = baseBytes(answer);
  const form = draft.base === null ? bestForm(bytes) : formOf(draft);
  return {
    ...draft,
    content: contentOf(bytes, refusalOf(bytes, form) === null ? form : bestForm(bytes), SHOWN_BYTES_MAX),
    key: answer.key,
    dirty: false,
    keyTyped: false,
    guard: answer.revision,
    base: answer,
    elsewhere: null,
  };
}

/** Takes over the write of `bytes`. What was typed since they were sent stays. */
export function written(draft: Draft, bytes: Bytes, key: string, answer: WrittenAnswer): Draft {
  const base = { ...answer, key, value: toBase64(bytes), stale: false, staleMs: 0 };
  const based = { ...draft, key, keyTyped: false, guard: answer.revision, base, elsewhere: null };
  return changed(based, draft.content);
}

/** Notes that the key is absent. */
export function deletedElsewhere(draft: Draft): Draft {
  return { ...draft, elsewhere: 0 };
}

/** The key of a new draft. The write of another key expects that it is absent. */
export function typedKey(draft: Draft, key: string): Draft {
  return { ...draft, key, keyTyped: key !== '', guard: 0 };
}

export function typed(draft: Draft, text: string): Draft {
  const { content } = draft;
  return content.kind === 'text' ? changed(draft, { ...content, text }) : draft;
}

/** A row of the hex editor was typed into. */
export function typedRow(draft: Draft, edit: RowEdit): Draft {
  const { content } = draft;
  return content.kind === 'rows' ? changed(draft, { ...content, edit }) : draft;
}

/** The row is done: the rows below move if its length has changed. It stays open if it is not hexadecimal. */
export function finishRow(draft: Draft): Draft {
  const { content } = draft;
  const bytes = content.kind === 'rows' && content.edit !== null ? bytesOf(content) : null;
  return bytes === null ? draft : { ...draft, content: { kind: 'rows', bytes, edit: null } };
}

function changed(draft: Draft, content: Content): Draft {
  const bytes = bytesOf(content);
  const before = draft.base === null ? new Uint8Array(0) : baseBytes(draft.base);
  return { ...draft, content, dirty: bytes === null || !equalBytes(bytes, before) };
}

/** Shows a value completely that was cut. */
export function uncut(draft: Draft): Draft {
  if (draft.base === null) return draft;
  const content = contentOf(baseBytes(draft.base), formOf(draft), Number.POSITIVE_INFINITY);
  return { ...draft, content };
}

export function formOf({ content }: Draft): Form {
  return content.kind === 'rows' ? 'hex' : content.form;
}

export function isCut({ content }: Draft): boolean {
  return content.kind === 'text' && content.cut;
}

/** Shows the draft in another form, or says why it cannot, in a sentence. */
export function inForm(draft: Draft, form: Form): Draft | string {
  if (form === formOf(draft)) return draft;
  const bytes = wholeBytes(draft);
  if (bytes === null) return `What was typed has a fault: ${faultOf(draft.content)}.`;
  const refusal = refusalOf(bytes, form);
  if (refusal !== null) return refusal;
  // What was typed is shown completely, so that it can be edited on.
  const max = draft.dirty ? Number.POSITIVE_INFINITY : SHOWN_BYTES_MAX;
  return { ...draft, content: contentOf(bytes, form, max) };
}

/** The bytes of the value as the draft has it now; null: what was typed has a fault. */
export function wholeBytes(draft: Draft): Bytes | null {
  return isCut(draft) && draft.base !== null ? baseBytes(draft.base) : bytesOf(draft.content);
}

/** What is wrong with what was typed, in words; null: nothing. */
export function faultOf(content: Content): string | null {
  const result = resultOf(content);
  return typeof result === 'string' ? result : null;
}

/** Null: what was typed has a fault. */
export function bytesOf(content: Content): Bytes | null {
  const result = resultOf(content);
  return typeof result === 'string' ? null : result;
}

/** Contents and answers never change, and the page asks for their bytes each time that it is drawn. */
const results = new WeakMap<Content, Bytes | string>();
const bases = new WeakMap<FoundAnswer, Bytes>();

/** The bytes, or what is wrong. */
function resultOf(content: Content): Bytes | string {
  const known = results.get(content) ?? compute(content);
  results.set(content, known);
  return known;
}

function compute(content: Content): Bytes | string {
  try {
    if (content.kind === 'text') return read(content);
    return content.edit === null ? content.bytes : withEdit(content.bytes, content.edit);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function baseBytes(base: FoundAnswer): Bytes {
  const known = bases.get(base) ?? fromBase64(base.value);
  bases.set(base, known);
  return known;
}

function contentOf(bytes: Bytes, form: Form, max: number): Content {
  if (form === 'hex' && bytes.length > SHOWN_BYTES_MAX) return { kind: 'rows', bytes, edit: null };
  const head = headOf(bytes, max);
  return { kind: 'text', cut: head.length < bytes.length, ...show(head, form) };
}
