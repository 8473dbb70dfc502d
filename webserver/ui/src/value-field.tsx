// A value as text or hex, to read and to edit.

import { useState } from 'preact/hooks';
import type { Form } from './bytes-text.ts';
import { bytesOf, type Draft, inForm, typed, uncut } from './draft.ts';
import { formatSize } from './format.ts';

/** What is said of a text that has no bytes in this form. */
const NOT: Readonly<Record<Form, string>> = { text: 'not well-formed Unicode', hex: 'not hexadecimal' };

export function ValueField({ draft, change }: { draft: Draft; change: (draft: Draft) => void }) {
  const [refused, setRefused] = useState<Form | null>(null);
  const bytes = bytesOf(draft);
  const showAs = (form: Form): void => {
    const next = inForm(draft, form);
    setRefused(next === null ? form : null);
    if (next !== null) change(next);
  };
  return (
    <div class="value-field">
      <div class="value-head">
        <label for="value">Value</label>
        <small>{bytes === null ? NOT[draft.form] : sizeOf(draft, bytes.length)}</small>
        <fieldset class="choice">
          <legend>Shown as</legend>
          <button type="button" aria-pressed={draft.form === 'text'} onClick={() => showAs('text')}>
            text
          </button>
          <button type="button" aria-pressed={draft.form === 'hex'} onClick={() => showAs('hex')}>
            hex
          </button>
        </fieldset>
      </div>
      <textarea
        id="value"
        rows={8}
        value={draft.text}
        readOnly={draft.cut}
        aria-invalid={bytes === null}
        onInput={(event) => {
          setRefused(null);
          change(typed(draft, event.currentTarget.value));
        }}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
      />
      {refused === 'text' && <p class="hint bad">These bytes are not UTF-8 text.</p>}
      {refused === 'hex' && <p class="hint bad">This is not hexadecimal.</p>}
      {draft.cut && (
        <p class="hint">
          Only the beginning is shown.{' '}
          <button type="button" class="link" onClick={() => change(uncut(draft))}>
            Show all of it to edit it
          </button>
        </p>
      )}
    </div>
  );
}

function sizeOf({ cut, base }: Draft, shownBytes: number): string {
  // Four characters of base64 are three bytes, less the padding.
  const valueBytes = cut && base !== null ? (base.value.length / 4) * 3 - paddingOf(base.value) : shownBytes;
  return cut ? `${formatSize(shownBytes)} of ${formatSize(valueBytes)}` : formatSize(valueBytes);
}

function paddingOf(base64: string): number {
  return base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
}
