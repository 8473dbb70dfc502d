// A note about a write that was refused because the key has another revision: that revision, and what the user can do.

interface ConflictNoteProps {
  readonly expected: number;
  /** The key's revision now; 0: the key is absent. */
  readonly revision: number;
  readonly takeGuard: (revision: number) => void;
  readonly reload: () => void;
}

export function ConflictNote({ expected, revision, takeGuard, reload }: ConflictNoteProps) {
  return (
    <div class="note-box bad" role="alert">
      <strong>Conflict.</strong>{' '}
      {revision === 0
        ? `The key is absent now, not at revision ${expected}.`
        : expected === 0
          ? `The key exists, at revision ${revision}.`
          : `The key is at revision ${revision} now, not at ${expected}.`}{' '}
      Nothing was changed.
      <div class="buttons">
        {revision !== 0 && (
          <button type="button" onClick={reload}>
            Discard my edit, show revision {revision}
          </button>
        )}
        <button type="button" onClick={() => takeGuard(revision)}>
          Keep my edit, expect {revision}
        </button>
      </div>
    </div>
  );
}
