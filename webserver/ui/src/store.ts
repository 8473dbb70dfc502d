// The page's store: the state of the cluster from the feed, and the state of the connection to the feed. A lost connection is
// retried with growing pauses. It is retried at once if the page becomes visible or the network is back.

import { backoffMs, jittered } from '../../../common/base/backoff.ts';
import { apply, FEED_IDLE_MS_MAX, type FeedMessage, type FeedState } from '../../feed.ts';
import { after, randomSource, type Timer, wallNow } from './clock.ts';

export type Link =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** `since`: Unix ms of this browser. */
  | { readonly kind: 'lost'; readonly since: number };

export interface PageState {
  readonly link: Link;
  /** The last known state; null before the first hello. */
  readonly feed: FeedState | null;
  /** The webserver's clock minus this browser's, ms. Times in the feed are the webserver's. */
  readonly clockOffset: number;
}

const PAUSES = { minMs: 300, maxMs: 4_000 };

export class Store {
  state: PageState = { link: { kind: 'connecting' }, feed: null, clockOffset: 0 };
  readonly #url: string;
  readonly #listeners = new Set<() => void>();
  #socket: WebSocket | null = null;
  #idleTimer: Timer | null = null;
  #retry: Timer | null = null;
  /** How often it has retried since the last hello. */
  #pauses = 0;

  constructor(url: string) {
    this.#url = url;
    window.addEventListener('online', () => this.#reconnectNow());
    document.addEventListener('visibilitychange', () => this.#reconnectNow());
    this.#connect();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(change: Partial<PageState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }

  #connect(): void {
    this.#retry = null;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#restartIdleTimer();
    socket.addEventListener('message', ({ data }) => {
      if (socket !== this.#socket) return;
      this.#restartIdleTimer();
      this.#take(JSON.parse(String(data)) as FeedMessage);
    });
    socket.addEventListener('close', () => {
      if (socket === this.#socket) this.#lost();
    });
  }

  #take(message: FeedMessage): void {
    const clockOffset = message.at - wallNow();
    switch (message.kind) {
      case 'hello':
        this.#pauses = 0;
        this.#set({ link: { kind: 'live' }, feed: message.state, clockOffset });
        return;
      case 'change':
        if (this.state.feed !== null)
          this.#set({ feed: apply(this.state.feed, message.change), clockOffset });
        return;
      case 'beat':
        return;
    }
  }

  /** The server sends beats. If nothing arrives, the connection is broken, even if the browser has not noticed. */
  #restartIdleTimer(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = after(FEED_IDLE_MS_MAX, () => this.#lost());
  }

  #lost(): void {
    this.#socket?.close();
    this.#socket = null;
    this.#idleTimer?.cancel();
    const { link } = this.state;
    this.#set({ link: link.kind === 'lost' ? link : { kind: 'lost', since: wallNow() } });
    this.#retry = after(jittered(backoffMs(PAUSES, this.#pauses++), randomSource), () => this.#connect());
  }

  /** Ends a pause, unless the page is hidden. */
  #reconnectNow(): void {
    if (this.#retry === null || document.visibilityState === 'hidden') return;
    this.#retry.cancel();
    this.#connect();
  }
}
