// One page of a scan. Earlier pages are reached by the cursors that led here. The present page is read again on each pulse. If that
// fails, it stays, marked as outdated.

import { useRef, useState } from 'preact/hooks';
import type { PageAnswer, RowAnswer } from '../../answers.ts';
import { fromBase64, preview } from '../../editor/bytes-text.ts';
import { useAnswer } from './answer.ts';
import { FailureNote } from './failure-note.tsx';
import { formatSize } from './format.ts';
import { type ScanRequest, scan } from './http.ts';
import { StaleMark } from './stale-mark.tsx';

interface KeyListProps {
  readonly request: ScanRequest;
  /** Changes when there may be new data to read. */
  readonly pulse: string;
  readonly openKey: string | null;
  readonly open: (key: string) => void;
}

export function KeyList({ request, pulse, openKey, open }: KeyListProps) {
  /** The cursors of all pages up to the present one. That of the first page is null. */
  const [trail, setTrail] = useState<readonly (string | null)[]>([null]);
  const cursor = trail.at(-1) ?? null;
  const { value: outcome, current } = useAnswer(cursor ?? '', pulse, () => scan(request, cursor));
  const lastPage = useRef<PageAnswer | null>(null);
  if (outcome?.kind === 'ok') lastPage.current = outcome.answer;
  const page = lastPage.current;
  const outdated = !current || outcome?.kind === 'failed';
  return (
    <div class="key-list" aria-busy={!current}>
      {outcome?.kind === 'failed' && (
        <FailureNote
          error={outcome.error}
          asked={request.read === 'linearizable' ? 'linearizable read' : 'other read'}
        />
      )}
      {page !== null && (
        <div class={outdated ? 'outdated' : ''}>
          <Rows rows={page.rows} openKey={openKey} open={open} />
        </div>
      )}
      <nav class="pager" aria-label="Pages of keys">
        <button type="button" disabled={trail.length === 1} onClick={() => setTrail(trail.slice(0, -1))}>
          Previous
        </button>
        <span>
          page {trail.length} {page !== null && <StaleMark stale={page.stale} staleMs={page.staleMs} />}
        </span>
        <button
          type="button"
          disabled={outdated || page === null || page.cursor === null}
          onClick={() => setTrail([...trail, page?.cursor ?? null])}
        >
          Next
        </button>
      </nav>
    </div>
  );
}

interface RowsProps {
  readonly rows: readonly RowAnswer[];
  readonly openKey: string | null;
  readonly open: (key: string) => void;
}

function Rows({ rows, openKey, open }: RowsProps) {
  if (rows.length === 0) return <p class="empty">No keys here.</p>;
  return (
    <table class="keys">
      <thead>
        <tr>
          <th scope="col">Key</th>
          <th scope="col">Value</th>
          <th scope="col" class="number">
            Size
          </th>
          <th scope="col" class="number">
            Revision
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.key} class={row.key === openKey ? 'open' : ''}>
            <th scope="row">
              <button
                type="button"
                class="key"
                aria-pressed={row.key === openKey}
                onClick={() => open(row.key)}
              >
                {row.key}
              </button>
            </th>
            <td class="preview">{previewOf(row)}</td>
            <td class="number">{formatSize(row.size)}</td>
            <td class="number">{row.revision}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function previewOf(row: RowAnswer): string {
  const bytes = fromBase64(row.value);
  return preview(bytes, bytes.length < row.size);
}
