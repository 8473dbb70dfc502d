// The draft of a key and its value in the editor, with pure functions from one draft to the next. A draft is based on an
// answer, or on nothing if the key is new. It follows newer answers as long as nobody has typed into it.

import type { Bytes } from '../../../common/base/bytes.ts';
import type { FoundAnswer } from '../../answers.ts';
import { bestForm, type Form, fromBase64, read, show } from './bytes-text.ts';

/** A longer value is cut: only its beginning is shown, until the user asks for all of it. */
const SHOWN_BYTES_MAX = 64 * 1024;

export interface Draft {
  readonly key: string;
  readonly form: Form;
  readonly text: string;
  /** Whether somebody has typed into it since the last answer was taken over. */
  readonly dirty: boolean;
  /** Whether only the beginning of the value is shown. It cannot be edited then. */
  readonly cut: boolean;
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

/** Takes over a newer answer, or only notes its revision if somebody has typed into the draft. */
export function follow(draft: Draft, answer: FoundAnswer): Draft {
  if (draft.base?.revision === answer.revision) return { ...draft, base: answer, elsewhere: null };
  return draft.dirty ? { ...draft, elsewhere: answer.revision } : take(draft, answer);
}

/** Takes over this answer, and discards what was typed. */
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

/** Notes that the key is absent. */
export function deletedElsewhere(draft: Draft): Draft {
  return { ...draft, elsewhere: 0 };
}

export function typed(draft: Draft, text: string): Draft {
  return { ...draft, text, dirty: true };
}

/** Shows a value completely that was cut. */
export function uncut(draft: Draft): Draft {
  return draft.base === null
    ? draft
    : { ...draft, ...shown(fromBase64(draft.base.value), draft.form, Number.POSITIVE_INFINITY) };
}

/** Shows the draft in another form. Null: what was typed does not have that form. */
export function inForm(draft: Draft, form: Form): Draft | null {
  if (form === draft.form) return draft;
  if (draft.cut && draft.base !== null)
    return { ...draft, ...shown(fromBase64(draft.base.value), form, SHOWN_BYTES_MAX) };
  const bytes = bytesOf(draft);
  const text = bytes === null ? null : show(bytes, form);
  return text === null ? null : { ...draft, form, text };
}

/** The bytes of what was typed; null: it is not hexadecimal, or not well-formed Unicode. */
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
  // Hex if the bytes are not text, or if the cut has split a character.
  return text === null ? { form: 'hex', text: show(head, 'hex') ?? '', cut } : { form, text, cut };
}
