// A hook for a request to the server whose answer is kept up to date: it asks when the question changes, and again on each
// pulse. Only one request for a question is under way at a time. An answer to an earlier question is dropped.

import { useEffect, useRef, useState } from 'preact/hooks';

interface Asking {
  readonly question: string;
  /** A pulse came while the request was under way, so ask once more. */
  again: boolean;
}

export interface Answer<T> {
  /** The last answer, perhaps to the question before; null before the first answer. */
  readonly value: T | null;
  /** Whether `value` answers the present question. */
  readonly current: boolean;
}

/**
 * @param question a text that identifies the question
 * @param pulse a text that changes when there may be a new answer
 */
export function useAnswer<T>(question: string, pulse: string, ask: () => Promise<T>): Answer<T> {
  const [answer, setAnswer] = useState<{ question: string; value: T } | null>(null);
  const asking = useRef<Asking | null>(null);
  const latestAsk = useRef(ask);
  latestAsk.current = ask;
  const topic = JSON.stringify([question, pulse]);
  useEffect(() => {
    const [asked] = JSON.parse(topic) as [string, string];
    void keepAsking(asking, asked, async () => {
      const value = await latestAsk.current();
      return () => setAnswer({ question: asked, value });
    });
  }, [topic]);
  useEffect(
    () => () => {
      asking.current = null;
    },
    [],
  );
  return { value: answer?.value ?? null, current: answer?.question === question };
}

async function keepAsking(
  asking: { current: Asking | null },
  question: string,
  ask: () => Promise<() => void>,
): Promise<void> {
  if (asking.current?.question === question) {
    asking.current.again = true;
    return;
  }
  const mine: Asking = { question, again: false };
  asking.current = mine;
  do {
    mine.again = false;
    const take = await ask();
    if (asking.current !== mine) return;
    take();
  } while (mine.again);
  asking.current = null;
}
