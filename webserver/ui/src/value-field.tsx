// A value as text, escaped text or hex, to read and to edit.

import { useState } from 'preact/hooks';
import {
  bytesOf,
  type Content,
  type Draft,
  faultOf,
  finishRow,
  formOf,
  inForm,
  isCut,
  typed,
  typedRow,
  uncut,
  wholeBytes,
} from '../../editor/draft.ts';
import { FORMS, type Form } from '../../editor/value-text.ts';
import { formatSize } from './format.ts';
import { HexEditor } from './hex-editor.tsx';

interface ValueFieldProps {
  readonly draft: Draft;
  readonly change: (draft: Draft) => void;
}

export function ValueField({ draft, change }: ValueFieldProps) {
  const [refusal, setRefusal] = useState<string | null>(null);
  const fault = faultOf(draft.content);
  const edited = (next: Draft): void => {
    setRefusal(null);
    change(next);
  };
  const showAs = (form: Form): void => {
    const next = inForm(draft, form);
    setRefusal(typeof next === 'string' ? next : null);
    if (typeof next !== 'string') change(next);
  };
  return (
    <div class="value-field">
      <div class="value-head">
        {draft.content.kind === 'rows' ? <span>Value</span> : <label for="value">Value</label>}
        <small>{fault ?? sizeOf(draft)}</small>
        <FormChoice form={formOf(draft)} showAs={showAs} />
      </div>
      {draft.content.kind === 'rows' ? (
        <HexEditor
          bytes={draft.content.bytes}
          edit={draft.content.edit}
          invalid={fault !== null}
          change={(edit) => edited(typedRow(draft, edit))}
          finish={() => change(finishRow(draft))}
        />
      ) : (
        <TextArea
          content={draft.content}
          invalid={fault !== null}
          type={(text) => edited(typed(draft, text))}
        />
      )}
      {refusal !== null && <p class="hint bad">{refusal}</p>}
      <LineEnds content={draft.content} />
      {isCut(draft) && (
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

function FormChoice({ form, showAs }: { form: Form; showAs: (form: Form) => void }) {
  return (
    <fieldset class="choice">
      <legend>Shown as</legend>
      {FORMS.map((each) => (
        <button key={each} type="button" aria-pressed={form === each} onClick={() => showAs(each)}>
          {each}
        </button>
      ))}
    </fieldset>
  );
}

interface TextAreaProps {
  readonly content: Content & { readonly kind: 'text' };
  readonly invalid: boolean;
  readonly type: (text: string) => void;
}

function TextArea({ content, invalid, type }: TextAreaProps) {
  return (
    <textarea
      id="value"
      rows={8}
      value={content.text}
      readOnly={content.cut}
      aria-invalid={invalid}
      onInput={(event) => type(event.currentTarget.value)}
      spellcheck={false}
      autocomplete="off"
      autocapitalize="off"
    />
  );
}

/** Says which line ends a text has if they are not the usual ones. New lines get the same. */
function LineEnds({ content }: { content: Content }) {
  if (content.kind !== 'text' || content.form !== 'text' || content.lineEnd === '\n') return null;
  return (
    <p class="hint">Lines end with {content.lineEnd === '\r\n' ? 'CR LF' : 'CR'}, and are written so.</p>
  );
}

function sizeOf(draft: Draft): string {
  const size = formatSize(wholeBytes(draft)?.length ?? 0);
  return isCut(draft) ? `${formatSize(bytesOf(draft.content)?.length ?? 0)} of ${size}` : size;
}
