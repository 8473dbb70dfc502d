// The page's one store: the cluster as the feed tells it, and how the feed itself is. The link comes back by itself: it
// waits a little longer after each failure, and not at all when the page is looked at again or the network returns.

import { backoffMs, jittered } from '../../../common/base/backoff.ts';
import { apply, FEED_IDLE_MS_MAX, type FeedMessage, type FeedState } from '../../feed.ts';
import { after, chance, type Timer, wallNow } from './clock.ts';

export type Link =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** Unix ms of this browser. */
  | { readonly kind: 'lost'; readonly since: number };

export interface PageState {
  readonly link: Link;
  /** The last known state; null until the first hello. */
  readonly feed: FeedState | null;
  /** The webserver's clock minus this browser's, ms: times in the feed are the webserver's. */
  readonly clockOffset: number;
}

const PAUSES = { minMs: 300, maxMs: 4_000 };

export class Store {
  state: PageState = { link: { kind: 'connecting' }, feed: null, clockOffset: 0 };
  readonly #url: string;
  readonly #listeners = new Set<() => void>();
  #socket: WebSocket | null = null;
  #silence: Timer | null = null;
  #retry: Timer | null = null;
  /** Since the feed was last there. */
  #pauses = 0;

  constructor(url: string) {
    this.#url = url;
    window.addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => this.#hurry());
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
    this.#listenForSilence();
    socket.addEventListener('message', ({ data }) => {
      if (socket !== this.#socket) return;
      this.#listenForSilence();
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

  /** The server beats; silence means that the connection is cut, whatever the browser believes. */
  #listenForSilence(): void {
    this.#silence?.cancel();
    this.#silence = after(FEED_IDLE_MS_MAX, () => this.#lost());
  }

  #lost(): void {
    this.#socket?.close();
    this.#socket = null;
    this.#silence?.cancel();
    const { link } = this.state;
    this.#set({ link: link.kind === 'lost' ? link : { kind: 'lost', since: wallNow() } });
    this.#retry = after(jittered(backoffMs(PAUSES, this.#pauses++), chance), () => this.#connect());
  }

  #hurry(): void {
    if (this.#retry === null || document.visibilityState === 'hidden') return;
    this.#retry.cancel();
    this.#connect();
  }
}
