// The writes of the editor: save, delete, and reload after a conflict. What was typed while a write was under way stays.

import { useState } from 'preact/hooks';
import { formatBytes, parseBytes } from '../../../common/base/bytes.ts';
import type { ErrorAnswer } from '../../answers.ts';
import { toBase64 } from '../../editor/bytes-text.ts';
import { bytesOf, take } from '../../editor/draft.ts';
import type { DraftChange, Editing } from './editing.ts';
import { get, put, remove } from './http.ts';

export interface Writing {
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

interface WritingOptions {
  readonly namespace: string;
  readonly read: string;
  readonly editing: Editing;
  readonly setDraft: (change: DraftChange) => void;
}

export function useWrites({ namespace, read, editing, setDraft }: WritingOptions): Writing {
  const { serial, key: opened, draft } = editing.opening;
  const [failure, setFailure] = useState<{ readonly key: string; readonly error: ErrorAnswer } | null>(null);
  const [busy, setBusy] = useState(false);
  const guard = draft.guarded ? { ifRevision: draft.guard } : {};
  const fail = (error: ErrorAnswer): void => setFailure({ key: draft.key, error });
  const save = async (): Promise<void> => {
    const bytes = bytesOf(draft.content);
    if (bytes === null || busy) return;
    setBusy(true);
    const result = await put(namespace, draft.key, { value: toBase64(bytes), ...guard });
    setBusy(false);
    if (result.kind === 'failed') return fail(result.error);
    setFailure(null);
    // The key as the list shows it, however it was typed.
    editing.written(serial, formatBytes(parseBytes(draft.key)), bytes, result.answer);
  };
  const erase = async (): Promise<void> => {
    setBusy(true);
    const result = await remove(namespace, draft.key, guard);
    setBusy(false);
    if (result.kind === 'failed') return fail(result.error);
    editing.deleted(serial, draft.key, result.answer.existed);
  };
  const reload = async (): Promise<void> => {
    if (opened === null) return editing.replaceBy(draft.key);
    const result = await get(namespace, draft.key, read);
    if (result.kind === 'failed') return fail(result.error);
    setFailure(null);
    setDraft((now) => take(now, result.answer));
  };
  const expect = (revision: number): void => {
    setFailure(null);
    setDraft((now) => ({ ...now, guarded: true, guard: revision }));
  };
  // A failure is about the key that was written, which may have been changed in the form since.
  const failed = failure?.key === draft.key ? failure.error : null;
  return { failed, busy, save, erase, reload, expect };
}
