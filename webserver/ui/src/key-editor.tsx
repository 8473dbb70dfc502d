// One key: its value as text or hex, written back or deleted under a guard on its revision, so that nobody overwrites
// what they have not seen.

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
  /** Changes when there may be something new to read. */
  readonly pulse: string;
  readonly names: Names;
  /** Opens another key in place of a new one. */
  readonly show: (key: string) => void;
  readonly written: (key: string, revision: number) => void;
  readonly deleted: (key: string, existed: boolean) => void;
}

const NOTHING: Outcome<FoundAnswer> | null = null;

export function KeyEditor(props: KeyEditorProps) {
  const { namespace, read, opened, pulse } = props;
  const [draft, setDraft] = useState<Draft>(newDraft(opened ?? ''));
  const [failed, setFailed] = useState<ErrorAnswer | null>(null);
  /** A write is under way: it may wait for an owner as long as its deadline allows. */
  const [busy, setBusy] = useState(false);
  const { value: outcome } = useAnswer(read, pulse, async () =>
    opened === null ? NOTHING : get(namespace, opened, read),
  );
  useEffect(() => {
    if (outcome?.kind === 'ok') setDraft((now) => follow(now, outcome.answer));
    else if (outcome?.error.code === 'NOT_FOUND') setDraft(deletedElsewhere);
  }, [outcome]);
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
  if (opened !== null && outcome === null) return <p class="empty">Reading {opened}…</p>;
  const missing = outcome?.kind === 'failed' && outcome.error.code === 'NOT_FOUND';
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <h3>{opened === null ? 'New key' : 'Key'}</h3>
      <label>
        Key
        <input
          value={draft.key}
          required
          readOnly={opened !== null}
          onInput={(event) => setDraft({ ...draft, key: event.currentTarget.value })}
          placeholder="text; \xNN for a byte that is none"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
        />
      </label>
      <ValueField draft={draft} change={setDraft} />
      {opened !== null && draft.base !== null && <Whence base={draft.base} names={props.names} />}
      {outcome?.kind === 'failed' && !missing && (
        <FailureNote
          error={outcome.error}
          asked={read === 'linearizable' ? 'linearizable read' : 'other read'}
        />
      )}
      <Elsewhere draft={draft} missing={missing} reload={() => void reload()} />
      {failed?.code === 'CONFLICT' ? (
        <ConflictNote
          expected={draft.guard}
          revision={failed.revision ?? 0}
          takeGuard={(revision) => {
            setFailed(null);
            setDraft({ ...draft, guarded: true, guard: revision });
          }}
          reload={() => void reload()}
        />
      ) : (
        failed !== null && <FailureNote error={failed} asked="write" />
      )}
      <GuardedButtons
        draft={draft}
        change={setDraft}
        busy={busy}
        erase={opened === null || missing ? null : () => void erase()}
      />
    </form>
  );
}

function Whence({ base, names }: { base: FoundAnswer; names: Names }) {
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
