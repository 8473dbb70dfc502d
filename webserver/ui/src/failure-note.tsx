// A note about a failed request: the error, whether a write may have been applied, and what may help.

import type { AnswerCode, ErrorAnswer } from '../../answers.ts';

/** Codes with which the owner did not answer, but a replica may. */
const OWNER_AWAY: readonly AnswerCode[] = ['NO_OWNER', 'NOT_READY', 'UNREACHABLE', 'DEADLINE'];

interface FailureNoteProps {
  readonly error: ErrorAnswer;
  readonly asked: 'linearizable read' | 'other read' | 'write' | 'task';
}

export function FailureNote({ error, asked }: FailureNoteProps) {
  return (
    <div class="note-box bad" role="alert">
      <strong>{error.code}</strong> {error.message}
      <p class="muted">
        {asked === 'write' && `${outcome(error)} `}
        {asked === 'task' && error.applied === 'unknown' && 'It may still be done: Tasks shows it then. '}
        {cure(error)}
        {asked === 'linearizable read' &&
          OWNER_AWAY.includes(error.code) &&
          ' A read with fallback may find a replica.'}
      </p>
    </div>
  );
}

function outcome({ applied }: ErrorAnswer): string {
  switch (applied) {
    case 'no':
      return 'Nothing was changed.';
    case 'unknown':
      return 'The write may have been applied: read the key to know.';
  }
}

function cure({ retry }: ErrorAnswer): string {
  switch (retry) {
    case 'backoff':
    case 'refresh':
      return 'Trying again shortly may help.';
    case 'elsewhere':
      return 'Another replica may answer: trying again may help.';
    case 'never':
      return '';
  }
}
