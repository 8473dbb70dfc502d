// A write whose guard did not hold: what the key's revision is now, and the ways on.

interface ConflictNoteProps {
  readonly expected: number;
  /** Now; 0: the key is absent. */
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
            Show revision {revision}
          </button>
        )}
        <button type="button" onClick={() => takeGuard(revision)}>
          Keep my edit, expect {revision}
        </button>
      </div>
    </div>
  );
}
