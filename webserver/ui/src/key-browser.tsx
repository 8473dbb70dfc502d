// The key browser: pages of a scan on the left, one key on the right. They are read again when the commit points of the ranges
// change, so the page stays up to date without needless requests.

import { useEffect, useRef, useState } from 'preact/hooks';
import type { FeedState } from '../../feed.ts';
import { formatCount } from './format.ts';
import type { ScanRequest } from './http.ts';
import { KeyEditor } from './key-editor.tsx';
import { KeyList } from './key-list.tsx';
import type { Names } from './names.ts';
import { ScanForm } from './scan-form.tsx';

const PAGE_ROWS = 25;

interface KeyBrowserProps {
  readonly feed: FeedState;
  readonly names: Names;
  /** The place that the user asked for in the key space; null: none. */
  readonly asked: { readonly namespace: string; readonly start: string } | null;
}

/** What the editor shows: a key of the list, or a new key. */
type Opened =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'new'; readonly serial: number };

export function KeyBrowser({ feed, names, asked }: KeyBrowserProps) {
  const [request, setRequest] = useScanRequest(feed.overview.namespace, asked);
  const editing = useEditing();
  const pulse = `${pulseOf(feed, request.namespace)} ${editing.writes}`;
  return (
    <section class="card" aria-labelledby="keys">
      <div class="card-head">
        <h2 id="keys">Keys</h2>
        <small>{entriesOf(feed, request.namespace)}</small>
        <button type="button" onClick={editing.openNew}>
          New key
        </button>
      </div>
      <ScanForm
        request={request}
        namespaces={feed.namespaces.map(({ name }) => name)}
        change={(next) => {
          if (next.namespace !== request.namespace) editing.openNew();
          setRequest(next);
        }}
      />
      <div class="browser">
        <KeyList
          key={JSON.stringify(request)}
          request={request}
          pulse={pulse}
          openKey={editing.opened.kind === 'key' ? editing.opened.key : null}
          open={editing.openKey}
        />
        <EditorPane request={request} pulse={pulse} names={names} editing={editing} />
      </div>
    </section>
  );
}

/** What the list shows. It follows `asked`, and what the user sets in the form. */
function useScanRequest(firstNamespace: string, asked: KeyBrowserProps['asked']) {
  const [request, setRequest] = useState<ScanRequest>({
    namespace: firstNamespace,
    by: 'prefix',
    text: '',
    reverse: false,
    read: 'linearizable',
    limit: PAGE_ROWS,
  });
  useEffect(() => {
    if (asked === null) return;
    const { namespace, start } = asked;
    setRequest((now) => ({ ...now, namespace, by: 'start', text: start, reverse: false }));
  }, [asked]);
  return [request, setRequest] as const;
}

interface Editing {
  readonly opened: Opened;
  /** How many writes this page has made. They show at once, without waiting for the feed. */
  readonly writes: number;
  /** The result of the last write; null: none is shown. */
  readonly result: string | null;
  readonly openNew: () => void;
  readonly openKey: (key: string) => void;
  readonly written: (key: string, revision: number) => void;
  readonly deleted: (key: string, existed: boolean) => void;
}

function useEditing(): Editing {
  const [opened, open] = useState<Opened>({ kind: 'new', serial: 0 });
  const [writes, setWrites] = useState(0);
  const [result, setResult] = useState<string | null>(null);
  const openNew = (): void => {
    open({ kind: 'new', serial: opened.kind === 'new' ? opened.serial + 1 : 0 });
    setResult(null);
  };
  const openKey = (key: string): void => {
    open({ kind: 'key', key });
    setResult(null);
  };
  const wrote = (text: string): void => {
    setResult(text);
    setWrites((count) => count + 1);
  };
  const written = (key: string, revision: number): void => {
    open({ kind: 'key', key });
    wrote(`Written: ${key} is at revision ${revision}.`);
  };
  const deleted = (key: string, existed: boolean): void => {
    openNew();
    wrote(existed ? `Deleted ${key}.` : `${key} was not there.`);
  };
  return { opened, writes, result, openNew, openKey, written, deleted };
}

interface EditorPaneProps {
  readonly request: ScanRequest;
  readonly pulse: string;
  readonly names: Names;
  readonly editing: Editing;
}

function EditorPane({ request, pulse, names, editing }: EditorPaneProps) {
  const { opened, result } = editing;
  const pane = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // On a narrow screen the editor is below the list, so pressing a key would seem to do nothing.
    if (opened.kind === 'key') pane.current?.scrollIntoView({ behavior: 'smooth', block: 'nearest' });
  }, [opened]);
  return (
    <div class="editor" ref={pane}>
      {result !== null && (
        <p class="note-box good" role="status">
          {result}
        </p>
      )}
      <KeyEditor
        key={`${request.namespace} ${opened.kind === 'key' ? `=${opened.key}` : `+${opened.serial}`}`}
        namespace={request.namespace}
        read={request.read}
        opened={opened.kind === 'key' ? opened.key : null}
        pulse={pulse}
        names={names}
        show={editing.openKey}
        written={editing.written}
        deleted={editing.deleted}
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
