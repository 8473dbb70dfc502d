// What is being edited: pure functions from one draft to the next. A draft is based on an answer (or on nothing, for a new
// key) and follows newer answers for as long as nobody has typed into it.

import type { Bytes } from '../../../common/base/bytes.ts';
import type { FoundAnswer } from '../../answers.ts';
import { bestForm, type Form, fromBase64, read, show } from './bytes-text.ts';

/** Longer values are shown by their beginning until the reader wants all. */
const SHOWN_BYTES_MAX = 64 * 1024;

export interface Draft {
  readonly key: string;
  readonly form: Form;
  readonly text: string;
  /** Typed into since the last answer was taken. */
  readonly dirty: boolean;
  /** Only the value's beginning is shown, so it can't be edited. */
  readonly cut: boolean;
  readonly guarded: boolean;
  /** The revision that a write expects; 0: absent. */
  readonly guard: number;
  readonly base: FoundAnswer | null;
  /** The key's revision now, where it is no longer the base's; 0: deleted. */
  readonly elsewhere: number | null;
}

export function newDraft(key: string): Draft {
  return {
    key,
    form: 'text',
    text: '',
    dirty: false,
    cut: false,
    guarded: true,
    guard: 0,
    base: null,
    elsewhere: null,
  };
}

/** A newer answer: taken over, or only noted where that would overwrite what was typed. */
export function follow(draft: Draft, answer: FoundAnswer): Draft {
  if (draft.base?.revision === answer.revision) return { ...draft, base: answer, elsewhere: null };
  return draft.dirty ? { ...draft, elsewhere: answer.revision } : take(draft, answer);
}

/** Shows this answer, whatever was typed. */
export function take(draft: Draft, answer: FoundAnswer): Draft {
  const bytes = fromBase64(answer.value);
  const form = draft.base === null ? bestForm(bytes) : draft.form;
  return {
    ...draft,
    ...shown(bytes, form, SHOWN_BYTES_MAX),
    key: answer.key,
    dirty: false,
    guard: answer.revision,
    base: answer,
    elsewhere: null,
  };
}

export function goneElsewhere(draft: Draft): Draft {
  return { ...draft, elsewhere: 0 };
}

export function typed(draft: Draft, text: string): Draft {
  return { ...draft, text, dirty: true };
}

/** The whole of a value that was cut. */
export function uncut(draft: Draft): Draft {
  return draft.base === null
    ? draft
    : { ...draft, ...shown(fromBase64(draft.base.value), draft.form, Number.POSITIVE_INFINITY) };
}

/** Null: what was typed has no such form. */
export function inForm(draft: Draft, form: Form): Draft | null {
  if (form === draft.form) return draft;
  if (draft.cut && draft.base !== null)
    return { ...draft, ...shown(fromBase64(draft.base.value), form, SHOWN_BYTES_MAX) };
  const bytes = bytesOf(draft);
  const text = bytes === null ? null : show(bytes, form);
  return text === null ? null : { ...draft, form, text };
}

/** Null: not hexadecimal. */
export function bytesOf({ text, form }: Draft): Bytes | null {
  try {
    return read(text, form);
  } catch {
    return null;
  }
}

function shown(bytes: Bytes, form: Form, max: number): Pick<Draft, 'form' | 'text' | 'cut'> {
  const head = bytes.subarray(0, max);
  const text = show(head, form);
  const cut = head.length < bytes.length;
  // Bytes that are no text, or a cut in the middle of a character.
  return text === null ? { form: 'hex', text: show(head, 'hex') ?? '', cut } : { form, text, cut };
}
