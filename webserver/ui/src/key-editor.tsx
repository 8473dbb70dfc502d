// The editor of one key. It shows the value as text or hex. A write or a delete expects the revision that was shown, so that nobody
// overwrites a value that they have not seen.

import { useEffect } from 'preact/hooks';
import type { FoundAnswer } from '../../answers.ts';
import { type Draft, deletedElsewhere, follow, isChanged, take, typedKey } from '../../editor/draft.ts';
import { useAnswer } from './answer.ts';
import { ConflictNote } from './conflict-note.tsx';
import type { DraftChange, Editing } from './editing.ts';
import { FailureNote } from './failure-note.tsx';
import { GuardedButtons } from './guarded-buttons.tsx';
import { get, type Outcome } from './http.ts';
import type { Names } from './names.ts';
import { NodeName } from './node-name.tsx';
import { StaleMark } from './stale-mark.tsx';
import { ValueField } from './value-field.tsx';
import { useWrites, type Writing } from './writing.ts';

interface KeyEditorProps {
  readonly namespace: string;
  readonly read: string;
  /** Changes when there may be new data to read. */
  readonly pulse: string;
  readonly names: Names;
  readonly editing: Editing;
}

const NOTHING: Outcome<FoundAnswer> | null = null;

export function KeyEditor(props: KeyEditorProps) {
  const { namespace, read, editing } = props;
  const { draft, key: opened } = editing.opening;
  const { setDraft, outcome } = useDraft(props);
  const writing = useWrites({ namespace, read, editing, setDraft });
  const missing = outcome?.kind === 'failed' && outcome.error.code === 'NOT_FOUND';
  if (opened !== null && outcome === null && draft.base === null)
    return <p class="empty">Reading {opened}…</p>;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void writing.save();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || event.isComposing) return;
        event.preventDefault();
        cancel(editing, setDraft, outcome);
      }}
    >
      <h3>
        {opened === null ? 'New key' : 'Key'} {isChanged(draft) && <small>edited, not written yet</small>}
      </h3>
      <KeyField draft={draft} change={setDraft} readOnly={opened !== null || writing.busy} />
      <ValueField draft={draft} change={setDraft} />
      {opened !== null && draft.base !== null && <Provenance base={draft.base} names={props.names} />}
      {outcome?.kind === 'failed' && !missing && (
        <FailureNote
          error={outcome.error}
          asked={read === 'linearizable' ? 'linearizable read' : 'other read'}
        />
      )}
      <Elsewhere draft={draft} missing={missing} reload={() => void writing.reload()} />
      <WriteFailure draft={draft} writing={writing} />
      <GuardedButtons
        draft={draft}
        change={setDraft}
        busy={writing.busy}
        erase={opened === null || missing ? null : () => void writing.erase()}
      />
    </form>
  );
}

/** The draft of the opened key follows the key's value. Returns the outcome of the last read, too. */
function useDraft({ namespace, read, pulse, editing }: KeyEditorProps) {
  const { serial, key } = editing.opening;
  const setDraft = (change: DraftChange): void => editing.setDraft(serial, change);
  const { value: outcome } = useAnswer(JSON.stringify([read, key]), pulse, async () =>
    key === null ? NOTHING : get(namespace, key, read),
  );
  useEffect(() => {
    if (outcome?.kind === 'ok') setDraft((now) => follow(now, outcome.answer));
    else if (outcome?.error.code === 'NOT_FOUND') setDraft(deletedElsewhere);
  }, [outcome]);
  return { setDraft, outcome };
}

/** Esc gives up what was typed, so that the key is shown as it is. If nothing was typed, it closes the key. */
function cancel(
  editing: Editing,
  setDraft: (change: DraftChange) => void,
  outcome: Outcome<FoundAnswer> | null,
): void {
  const { draft } = editing.opening;
  if (!isChanged(draft) || outcome?.kind !== 'ok') editing.openNew();
  else editing.leave(() => setDraft((now) => take(now, outcome.answer)));
}

interface KeyFieldProps {
  readonly draft: Draft;
  readonly change: (draft: Draft) => void;
  readonly readOnly: boolean;
}

function KeyField({ draft, change, readOnly }: KeyFieldProps) {
  return (
    <label>
      Key
      <input
        value={draft.key}
        required
        readOnly={readOnly}
        onInput={(event) => change(typedKey(draft, event.currentTarget.value))}
        placeholder="text; \xNN for a byte that is not text"
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
      />
    </label>
  );
}

function WriteFailure({ draft, writing }: { draft: Draft; writing: Writing }) {
  const { failed } = writing;
  if (failed === null) return null;
  if (failed.code !== 'CONFLICT') return <FailureNote error={failed} asked="write" />;
  return (
    <ConflictNote
      expected={draft.guard}
      revision={failed.revision ?? 0}
      takeGuard={writing.expect}
      reload={() => void writing.reload()}
    />
  );
}

function Provenance({ base, names }: { base: FoundAnswer; names: Names }) {
  return (
    <p class="muted provenance">
      revision {base.revision} · range {base.range} · epoch {base.epoch} · from{' '}
      <NodeName node={base.node} names={names} /> <StaleMark stale={base.stale} staleMs={base.staleMs} />
    </p>
  );
}

function Elsewhere(props: { draft: Draft; missing: boolean; reload: () => void }) {
  const { elsewhere, base } = props.draft;
  if (elsewhere === null) return null;
  if (props.missing)
    return (
      <p class="note-box warn" role="status">
        This key is not there
        {base === null ? '.' : ` any more: it was deleted after revision ${base.revision}.`}
      </p>
    );
  return (
    <p class="note-box warn" role="status">
      Changed meanwhile: the key is at revision {elsewhere} now.{' '}
      <button type="button" class="link" onClick={props.reload}>
        Show it instead of my edit
      </button>
    </p>
  );
}
