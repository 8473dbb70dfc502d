// Hooks by which components read the store and the time.

import { useEffect, useState } from 'preact/hooks';
import { after, type Timer, wallNow } from './clock.ts';
import type { PageState, Store } from './store.ts';

export function usePage(store: Store): PageState {
  const [state, setState] = useState(store.state);
  useEffect(() => {
    setState(store.state);
    return store.subscribe(() => setState(store.state));
  }, [store]);
  return state;
}

/** The webserver's clock, Unix ms, for texts such as "for 12 s". Renders again at least every second. */
export function useServerNow(clockOffset: number): number {
  const [ticks, setTicks] = useState(0);
  useEffect(() => {
    const timer: Timer = after(1_000, () => setTicks(ticks + 1));
    return () => timer.cancel();
  }, [ticks]);
  return wallNow() + clockOffset;
}
