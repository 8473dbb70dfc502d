// A question to the server whose answer is kept fresh: asked anew when the question changes, and again on each pulse.
// One request a question is under way at a time; the answer to a question that is no longer asked is dropped.

import { useEffect, useRef, useState } from 'preact/hooks';

interface Asking {
  readonly question: string;
  /** A pulse came meanwhile: ask once more. */
  again: boolean;
}

export interface Answer<T> {
  /** The last answer, maybe to the question before this one; null before the first. */
  readonly value: T | null;
  /** Whether `value` answers the present question. */
  readonly current: boolean;
}

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
