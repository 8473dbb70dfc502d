// The editor of one key. It shows the value as text or hex. A write or a delete expects the revision that was shown, so that nobody
// overwrites a value that they have not seen.

import { useEffect, useState } from 'preact/hooks';
import type { ErrorAnswer, FoundAnswer } from '../../answers.ts';
import { useAnswer } from './answer.ts';
import { toBase64 } from './bytes-text.ts';
import { ConflictNote } from './conflict-note.tsx';
import { bytesOf, type Draft, deletedElsewhere, follow, newDraft, take } from './draft.ts';
import { FailureNote } from './failure-note.tsx';
import { GuardedButtons } from './guarded-buttons.tsx';
import { get, type Outcome, put, remove } from './http.ts';
import type { Names } from './names.ts';
import { NodeName } from './node-name.tsx';
import { StaleMark } from './stale-mark.tsx';
import { ValueField } from './value-field.tsx';

interface KeyEditorProps {
  readonly namespace: string;
  readonly read: string;
  /** Null: a new key. */
  readonly opened: string | null;
  /** Changes when there may be new data to read. */
  readonly pulse: string;
  readonly names: Names;
  /** Opens a key in place of the new one. */
  readonly show: (key: string) => void;
  readonly written: (key: string, revision: number) => void;
  readonly deleted: (key: string, existed: boolean) => void;
}

const NOTHING: Outcome<FoundAnswer> | null = null;

export function KeyEditor(props: KeyEditorProps) {
  const { read, opened } = props;
  const { draft, setDraft, outcome } = useDraft(props);
  const writing = useWrites(props, draft, setDraft);
  if (opened !== null && outcome === null) return <p class="empty">Reading {opened}…</p>;
  const missing = outcome?.kind === 'failed' && outcome.error.code === 'NOT_FOUND';
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void writing.save();
      }}
    >
      <h3>{opened === null ? 'New key' : 'Key'}</h3>
      <KeyField draft={draft} change={setDraft} readOnly={opened !== null} />
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

type SetDraft = (next: Draft | ((now: Draft) => Draft)) => void;

/** The draft of the opened key, which follows the key's value, and the outcome of the last read. */
function useDraft({ namespace, read, opened, pulse }: KeyEditorProps) {
  const [draft, setDraft] = useState<Draft>(newDraft(opened ?? ''));
  const { value: outcome } = useAnswer(read, pulse, async () =>
    opened === null ? NOTHING : get(namespace, opened, read),
  );
  useEffect(() => {
    if (outcome?.kind === 'ok') setDraft((now) => follow(now, outcome.answer));
    else if (outcome?.error.code === 'NOT_FOUND') setDraft(deletedElsewhere);
  }, [outcome]);
  return { draft, setDraft, outcome };
}

interface Writing {
  /** The last write or reload failed with this error; null: it did not fail. */
  readonly failed: ErrorAnswer | null;
  /** Whether a write is under way. It may wait for an owner until its deadline. */
  readonly busy: boolean;
  readonly save: () => Promise<void>;
  readonly erase: () => Promise<void>;
  readonly reload: () => Promise<void>;
  /** Expects this revision at the next write. */
  readonly expect: (revision: number) => void;
}

function useWrites(props: KeyEditorProps, draft: Draft, setDraft: SetDraft): Writing {
  const { namespace, read, opened } = props;
  const [failed, setFailed] = useState<ErrorAnswer | null>(null);
  const [busy, setBusy] = useState(false);
  const guard = draft.guarded ? { ifRevision: draft.guard } : {};
  const save = async (): Promise<void> => {
    const bytes = bytesOf(draft);
    if (bytes === null || busy) return;
    setBusy(true);
    const result = await put(namespace, draft.key, { value: toBase64(bytes), ...guard });
    setBusy(false);
    if (result.kind === 'failed') return setFailed(result.error);
    setFailed(null);
    setDraft((now) => ({ ...now, dirty: false }));
    props.written(draft.key, result.answer.revision);
  };
  const erase = async (): Promise<void> => {
    setBusy(true);
    const result = await remove(namespace, draft.key, guard);
    setBusy(false);
    if (result.kind === 'failed') return setFailed(result.error);
    props.deleted(draft.key, result.answer.existed);
  };
  const reload = async (): Promise<void> => {
    if (opened === null) return props.show(draft.key);
    const result = await get(namespace, draft.key, read);
    if (result.kind === 'failed') return setFailed(result.error);
    setFailed(null);
    setDraft((now) => take(now, result.answer));
  };
  const expect = (revision: number): void => {
    setFailed(null);
    setDraft({ ...draft, guarded: true, guard: revision });
  };
  return { failed, busy, save, erase, reload, expect };
}

function KeyField(props: { draft: Draft; change: (draft: Draft) => void; readOnly: boolean }) {
  const { draft, change, readOnly } = props;
  return (
    <label>
      Key
      <input
        value={draft.key}
        required
        readOnly={readOnly}
        onInput={(event) => change({ ...draft, key: event.currentTarget.value })}
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
