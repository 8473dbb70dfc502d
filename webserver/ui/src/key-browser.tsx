// The key browser: pages of a scan on the left, one key on the right. What is shown is read again when the ranges'
// commit points move, so the page stays live without asking for nothing.

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
  /** Where the reader asked to look, from the key space. */
  readonly asked: { readonly namespace: string; readonly start: string } | null;
}

/** What the editor is about: a key of the list, or a new one. */
type Opened =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'new'; readonly serial: number };

export function KeyBrowser({ feed, names, asked }: KeyBrowserProps) {
  const [request, setRequest] = useState<ScanRequest>({
    namespace: feed.overview.namespace,
    by: 'prefix',
    text: '',
    reverse: false,
    read: 'linearizable',
    limit: PAGE_ROWS,
  });
  const [opened, open] = useState<Opened>({ kind: 'new', serial: 0 });
  /** Counts this page's own writes: they show at once, not with the nodes' next word. */
  const [writes, setWrites] = useState(0);
  const [said, say] = useState<string | null>(null);
  useEffect(() => {
    if (asked === null) return;
    setRequest((now) => ({
      ...now,
      namespace: asked.namespace,
      by: 'start',
      text: asked.start,
      reverse: false,
    }));
  }, [asked]);
  const pulse = `${pulseOf(feed, request.namespace)} ${writes}`;
  const editor = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Below the list on a narrow screen, where a press on a key would seem to do nothing.
    if (opened.kind === 'key') editor.current?.scrollIntoView({ behavior: 'smooth', block: 'nearest' });
  }, [opened]);
  const openNew = (): void => {
    open({ kind: 'new', serial: opened.kind === 'new' ? opened.serial + 1 : 0 });
    say(null);
  };
  const openKey = (key: string): void => {
    open({ kind: 'key', key });
    say(null);
  };
  const wrote = (what: string): void => {
    say(what);
    setWrites((count) => count + 1);
  };
  return (
    <section class="card" aria-labelledby="keys">
      <div class="card-head">
        <h2 id="keys">Keys</h2>
        <small>{entriesOf(feed, request.namespace)}</small>
        <button type="button" onClick={openNew}>
          New key
        </button>
      </div>
      <ScanForm
        request={request}
        namespaces={feed.namespaces.map(({ name }) => name)}
        change={(next) => {
          if (next.namespace !== request.namespace) openNew();
          setRequest(next);
        }}
      />
      <div class="browser">
        <KeyList
          key={JSON.stringify(request)}
          request={request}
          pulse={pulse}
          openKey={opened.kind === 'key' ? opened.key : null}
          open={openKey}
        />
        <div class="editor" ref={editor}>
          {said !== null && (
            <p class="note-box good" role="status">
              {said}
            </p>
          )}
          <KeyEditor
            key={`${request.namespace} ${opened.kind === 'key' ? `=${opened.key}` : `+${opened.serial}`}`}
            namespace={request.namespace}
            read={request.read}
            opened={opened.kind === 'key' ? opened.key : null}
            pulse={pulse}
            names={names}
            show={openKey}
            written={(key, revision) => {
              open({ kind: 'key', key });
              wrote(`Written: ${key} is at revision ${revision}.`);
            }}
            deleted={(key, existed) => {
              openNew();
              wrote(existed ? `Deleted ${key}.` : `${key} was not there.`);
            }}
          />
        </div>
      </div>
    </section>
  );
}

/** Changes when something was written into the namespace, or a read may succeed that failed. */
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
