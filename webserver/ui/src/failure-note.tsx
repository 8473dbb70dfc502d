// A failed request, where it was asked: what went wrong, what is known of the write, what helps.

import type { ErrorAnswer } from '../../answers.ts';

export function FailureNote({ error }: { error: ErrorAnswer }) {
  return (
    <div class="note-box bad" role="alert">
      <strong>{error.code}</strong> {error.message}
      <p class="muted">
        {error.applied === 'no'
          ? 'Nothing was changed.'
          : 'A write may have been applied: read the key to know.'}{' '}
        {cure(error)}
      </p>
    </div>
  );
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
