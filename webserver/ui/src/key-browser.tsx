// The key browser: pages of a scan on the left, one key on the right. They are read again when the commit points of the ranges
// change, so the page stays up to date without needless requests.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { FeedState } from '../../feed.ts';
import { type Editing, useEditing } from './editing.ts';
import { formatCount } from './format.ts';
import type { ScanRequest } from './http.ts';
import { KeyEditor } from './key-editor.tsx';
import { KeyList } from './key-list.tsx';
import { LeaveQuestion } from './leave-question.tsx';
import type { Names } from './names.ts';
import { ScanForm } from './scan-form.tsx';

const PAGE_ROWS = 25;

interface KeyBrowserProps {
  readonly feed: FeedState;
  readonly names: Names;
  /** The place that the user asked for in the key space; null: none. */
  readonly asked: { readonly namespace: string; readonly start: string } | null;
}

export function KeyBrowser({ feed, names, asked }: KeyBrowserProps) {
  const editing = useEditing();
  const [request, setRequest] = useScanRequest(feed.overview.namespace, asked, editing);
  const pulse = `${pulseOf(feed, request.namespace)} ${editing.writes}`;
  const { opening, question } = editing;
  return (
    <section class="card" aria-labelledby="keys">
      <div class="card-head">
        <h2 id="keys">Keys</h2>
        <small>{entriesOf(feed, request.namespace)}</small>
        <button type="button" onClick={editing.openNew}>
          New key
        </button>
      </div>
      <ScanForm request={request} namespaces={feed.namespaces.map(({ name }) => name)} change={setRequest} />
      <div class="browser">
        <KeyList
          key={JSON.stringify(request)}
          request={request}
          pulse={pulse}
          openKey={opening.key}
          open={editing.openKey}
        />
        <EditorPane request={request} pulse={pulse} names={names} editing={editing} />
      </div>
      {question !== null && <LeaveQuestion of={opening.draft.key} {...question} />}
    </section>
  );
}

/**
 * What the list shows. It follows `asked`, and what the user sets in the form. The opened key is one of its namespace, so another
 * namespace leaves it.
 */
function useScanRequest(firstNamespace: string, asked: KeyBrowserProps['asked'], editing: Editing) {
  const [request, setRequest] = useState<ScanRequest>({
    namespace: firstNamespace,
    by: 'prefix',
    text: '',
    reverse: false,
    read: 'linearizable',
    limit: PAGE_ROWS,
  });
  const change = (next: ScanRequest): void => {
    if (next.namespace === request.namespace) return setRequest(next);
    editing.leave(() => {
      editing.replaceBy(null);
      setRequest(next);
    });
  };
  const latestChange = useRef(change);
  latestChange.current = change;
  const latestRequest = useRef(request);
  latestRequest.current = request;
  useEffect(() => {
    if (asked === null) return;
    const { namespace, start } = asked;
    latestChange.current({ ...latestRequest.current, namespace, by: 'start', text: start, reverse: false });
  }, [asked]);
  return [request, change] as const;
}

interface EditorPaneProps {
  readonly request: ScanRequest;
  readonly pulse: string;
  readonly names: Names;
  readonly editing: Editing;
}

function EditorPane({ request, pulse, names, editing }: EditorPaneProps) {
  const { opening, result } = editing;
  const pane = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // On a narrow screen the editor is below the list, so pressing a key would seem to do nothing.
    if (opening.key !== null) pane.current?.scrollIntoView({ behavior: 'smooth', block: 'nearest' });
  }, [opening.serial, opening.key]);
  return (
    <div class="editor" ref={pane}>
      {result !== null && (
        <p class="note-box good" role="status">
          {result}
        </p>
      )}
      <KeyEditor
        key={opening.serial}
        namespace={request.namespace}
        read={request.read}
        pulse={pulse}
        names={names}
        editing={editing}
      />
    </div>
  );
}

/** A text that changes when the namespace was written to, or when a failed read may succeed now. */
function pulseOf(feed: FeedState, namespace: string): string {
  return feed.ranges
    .filter((range) => range.namespace === namespace)
    .map((range) => `${range.id}:${range.epoch}:${range.condition}:${range.commitSeq ?? ''}`)
    .join(' ');
}

function entriesOf(feed: FeedState, namespace: string): string {
  const known = feed.ranges.filter((range) => range.namespace === namespace);
  const writes = known.reduce((sum, { entries }) => sum + (entries ?? 0), 0);
  const all = known.every(({ entries }) => entries !== null);
  return all && writes > 0 ? `${formatCount(writes)} log entries so far` : '';
}
