// The buttons Put and Delete, and the revision that these writes expect.

import { useEffect, useRef, useState } from 'preact/hooks';
import { bytesOf, type Draft, isCut } from '../../editor/draft.ts';

interface GuardedButtonsProps {
  readonly draft: Draft;
  readonly change: (draft: Draft) => void;
  readonly busy: boolean;
  /** Null: there is nothing to delete. */
  readonly erase: (() => void) | null;
}

export function GuardedButtons({ draft, change, busy, erase }: GuardedButtonsProps) {
  /** Whether the user is asked to confirm the deletion. */
  const [confirming, setConfirming] = useState(false);
  return (
    <>
      <div class="guard">
        <label class="tick">
          <input
            type="checkbox"
            checked={draft.guarded}
            onChange={(event) => change({ ...draft, guarded: event.currentTarget.checked })}
          />
          only if the revision is
        </label>
        <input
          type="number"
          min={0}
          step={1}
          aria-label="Expected revision"
          value={draft.guard}
          disabled={!draft.guarded}
          onInput={(event) => change({ ...draft, guard: Number(event.currentTarget.value) })}
        />
        <small class="muted">0: only if the key is absent</small>
      </div>
      <div class="buttons">
        <button
          type="submit"
          class="primary"
          disabled={busy || isCut(draft) || bytesOf(draft.content) === null}
        >
          {busy ? 'Writing…' : 'Put'}
        </button>
        {erase !== null && !confirming && (
          <button type="button" class="danger" disabled={busy} onClick={() => setConfirming(true)}>
            Delete…
          </button>
        )}
        {erase !== null && confirming && (
          <Confirmation
            text={draft.dirty ? 'Delete this key and discard my edit?' : 'Delete this key?'}
            keep={() => setConfirming(false)}
            confirm={() => {
              setConfirming(false);
              erase();
            }}
          />
        )}
      </div>
    </>
  );
}

function Confirmation({ text, keep, confirm }: { text: string; keep: () => void; confirm: () => void }) {
  const keepButton = useRef<HTMLButtonElement>(null);
  // The button that asked for this has vanished with the focus.
  useEffect(() => keepButton.current?.focus(), []);
  return (
    <fieldset
      class="confirm"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        keep();
      }}
    >
      <legend>{text}</legend>
      <button type="button" class="danger" onClick={confirm}>
        Delete
      </button>{' '}
      <button type="button" ref={keepButton} onClick={keep}>
        Keep
      </button>
    </fieldset>
  );
}
