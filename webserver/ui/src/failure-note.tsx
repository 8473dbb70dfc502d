// A failed request, where it was asked: what went wrong, what is known of a write, what helps.

import type { ErrorAnswer } from '../../answers.ts';

interface FailureNoteProps {
  readonly error: ErrorAnswer;
  readonly asked: 'linearizable read' | 'other read' | 'write';
}

export function FailureNote({ error, asked }: FailureNoteProps) {
  return (
    <div class="note-box bad" role="alert">
      <strong>{error.code}</strong> {error.message}
      <p class="muted">
        {asked === 'write' && `${outcome(error)} `}
        {cure(error)}
        {asked === 'linearizable read' &&
          error.retry !== 'never' &&
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
