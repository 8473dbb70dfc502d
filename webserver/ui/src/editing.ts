// What the editor shows: a key or a new key, and its draft. A changed draft is not left without a question: not for another key, not
// for another namespace, and not with the page.

import { useLayoutEffect, useState } from 'preact/hooks';
import type { Bytes } from '../../../common/base/bytes.ts';
import type { WrittenAnswer } from '../../answers.ts';
import { type Draft, isChanged, newDraft, written } from '../../editor/draft.ts';

export type DraftChange = Draft | ((now: Draft) => Draft);

/** One opening of a key or of a new key, and the draft in it. */
export interface Opening {
  /** Another number for each opening, so that an answer to an earlier one is not taken for this one. */
  readonly serial: number;
  /** Null: a new key. */
  readonly key: string | null;
  readonly draft: Draft;
}

export interface Editing {
  readonly opening: Opening;
  /** Changes the draft of an opening. It does nothing if another one has taken its place. */
  readonly setDraft: (serial: number, change: DraftChange) => void;
  /** How many writes this page has made. They show at once, without waiting for the feed. */
  readonly writes: number;
  /** The result of the last write; null: none is shown. */
  readonly result: string | null;
  readonly openNew: () => void;
  readonly openKey: (key: string) => void;
  /** Opens a key, or a new one (null), and discards the draft without a question. */
  readonly replaceBy: (key: string | null) => void;
  /** The write of `bytes`, which an opening sent, was applied. */
  readonly written: (serial: number, key: string, bytes: Bytes, answer: WrittenAnswer) => void;
  readonly deleted: (serial: number, key: string, existed: boolean) => void;
  /** Calls `go`, which leaves the draft: at once, or after the user has agreed to discard what was typed. */
  readonly leave: (go: () => void) => void;
  /** The question that the user is asked now; null: none. */
  readonly question: { readonly discard: () => void; readonly keep: () => void } | null;
}

export function useEditing(): Editing {
  const [opening, setOpening] = useState(openingOf(0, null));
  const [writes, setWrites] = useState(0);
  const [result, setResult] = useState<string | null>(null);
  const { leave, question } = useLeaving(isChanged(opening.draft));
  const replaceBy = (key: string | null): void => {
    setOpening(({ serial }) => openingOf(serial + 1, key));
    setResult(null);
  };
  const ifStill = (serial: number, next: (now: Opening) => Opening): void =>
    setOpening((now) => (now.serial === serial ? next(now) : now));
  const wrote = (text: string): void => {
    setResult(text);
    setWrites((count) => count + 1);
  };
  return {
    ...{ opening, writes, result, leave, question, replaceBy },
    setDraft: (serial, change) =>
      ifStill(serial, (now) => ({
        ...now,
        draft: typeof change === 'function' ? change(now.draft) : change,
      })),
    openNew: () => leave(() => replaceBy(null)),
    openKey: (key) => {
      if (key !== opening.key) leave(() => replaceBy(key));
    },
    written: (serial, key, bytes, answer) => {
      ifStill(serial, (now) => ({ ...now, key, draft: written(now.draft, bytes, key, answer) }));
      wrote(`Written: ${key} is at revision ${answer.revision}.`);
    },
    deleted: (serial, key, existed) => {
      ifStill(serial, () => openingOf(serial + 1, null));
      wrote(existed ? `Deleted ${key}.` : `${key} was not there.`);
    },
  };
}

function openingOf(serial: number, key: string | null): Opening {
  return { serial, key, draft: newDraft(key ?? '') };
}

/** Leaving the draft, which has changed or has not. */
function useLeaving(hasChanged: boolean): Pick<Editing, 'leave' | 'question'> {
  const [waiting, setWaiting] = useState<{ readonly go: () => void } | null>(null);
  useLayoutEffect(() => {
    if (!hasChanged) return;
    // The browser asks with its own words when the page is closed, reloaded or left.
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [hasChanged]);
  const question = {
    discard: (): void => {
      setWaiting(null);
      waiting?.go();
    },
    keep: (): void => setWaiting(null),
  };
  return {
    leave: (go) => (hasChanged ? setWaiting({ go }) : go()),
    question: waiting === null ? null : question,
  };
}
