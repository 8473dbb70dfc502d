// Asks before a changed draft is discarded. Esc and the button that has the focus keep it.

import { useLayoutEffect, useRef } from 'preact/hooks';

interface LeaveQuestionProps {
  /** The key of the draft; empty: it has none yet. */
  readonly of: string;
  readonly discard: () => void;
  readonly keep: () => void;
}

export function LeaveQuestion({ of, discard, keep }: LeaveQuestionProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  // At once, so that the next key reaches the question.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  // Closing gives the focus back to where it was, and then calls onClose.
  const close = (answer: string): void => dialog.current?.close(answer);
  return (
    <dialog
      ref={dialog}
      class="question"
      aria-labelledby="leave-question"
      onClose={(event) => (event.currentTarget.returnValue === 'discard' ? discard() : keep())}
    >
      <p id="leave-question">{of === '' ? 'Your new key' : `Your edit of ${of}`} is not written yet.</p>
      <div class="buttons">
        <button type="button" autofocus onClick={() => close('keep')}>
          Keep editing
        </button>
        <button type="button" class="danger" onClick={() => close('discard')}>
          Discard my edit
        </button>
      </div>
    </dialog>
  );
}
