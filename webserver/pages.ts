// The pages that are connected to the feed. A page gets a hello with the complete state, then changes, and beats in between. A
// page that reads too slowly is disconnected, so that the server need not buffer for it. It reconnects by itself and gets a new
// hello.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Env, every, type Timer } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { Counters } from './counters.ts';
import { FEED_BEAT_MS, type FeedChange, type FeedMessage, type FeedState } from './feed.ts';
import { refuseUpgrade } from './raw-answer.ts';

export const FEED_PATH = '/feed';

const PAGES_MAX = 100;
/** A page with more unread bytes than this is disconnected. */
const QUEUE_BYTES_MAX = 4 * 1024 * 1024;
/** A page that answers no ping during more beats than this is disconnected. */
const UNANSWERED_BEATS_MAX = 5;
/** WebSocket close codes. */
const GOING_AWAY = 1001;
const POLICY = 1008;

export interface PagesOptions {
  readonly env: Env;
  readonly logger: Logger;
  readonly counters: Counters;
  readonly state: () => FeedState;
  /** Called when the first page connects (true), and when the last one has disconnected (false). */
  readonly setWatched: (watched: boolean) => void;
}

interface Page {
  readonly socket: WebSocket;
  unansweredBeats: number;
}

export class Pages {
  readonly #options: PagesOptions;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: 1024, perMessageDeflate: false });
  readonly #pages = new Set<Page>();
  readonly #beat: Timer;

  constructor(options: PagesOptions) {
    this.#options = options;
    this.#beat = every(options.env, FEED_BEAT_MS, () => this.#sendBeat());
  }

  get count(): number {
    return this.#pages.size;
  }

  /** Takes over a connection whose upgrade was allowed. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#pages.size >= PAGES_MAX) {
      refuseUpgrade(socket, 503, 'too many pages');
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (opened) => this.#open(opened));
  }

  publish(change: FeedChange): void {
    if (this.#pages.size === 0) return;
    this.#options.counters.feedChanges.add();
    this.#sendAll({ kind: 'change', at: this.#options.env.wallNow(), change });
  }

  close(): void {
    this.#beat.cancel();
    for (const { socket } of this.#pages) {
      socket.close(GOING_AWAY, 'the webserver is stopping');
      socket.terminate();
    }
    this.#server.close();
  }

  #open(socket: WebSocket): void {
    const { env, state, setWatched, counters, logger } = this.#options;
    const page: Page = { socket, unansweredBeats: 0 };
    this.#pages.add(page);
    counters.pagesOpened.add();
    socket.on('pong', () => {
      page.unansweredBeats = 0;
    });
    socket.on('message', () => socket.close(POLICY, 'pages only listen'));
    socket.on('error', (error) => logger.debug({ reason: error.message }, 'the connection of a page failed'));
    socket.on('close', () => {
      this.#pages.delete(page);
      if (this.#pages.size === 0) setWatched(false);
    });
    socket.send(JSON.stringify({ kind: 'hello', at: env.wallNow(), state: state() } satisfies FeedMessage));
    if (this.#pages.size === 1) setWatched(true);
  }

  #sendBeat(): void {
    for (const page of this.#pages) {
      page.unansweredBeats++;
      if (page.unansweredBeats > UNANSWERED_BEATS_MAX) this.#drop(page, 'silent');
      else if (page.socket.readyState === page.socket.OPEN) page.socket.ping();
    }
    this.#sendAll({ kind: 'beat', at: this.#options.env.wallNow() });
  }

  #sendAll(message: FeedMessage): void {
    const text = JSON.stringify(message);
    for (const page of this.#pages) {
      if (page.socket.bufferedAmount > QUEUE_BYTES_MAX) this.#drop(page, 'slow');
      else page.socket.send(text, () => {});
    }
  }

  #drop(page: Page, why: 'slow' | 'silent'): void {
    this.#options.counters.pagesDropped[why].add();
    this.#options.logger.info({ why, queuedBytes: page.socket.bufferedAmount }, 'a page is disconnected');
    page.socket.terminate();
  }
}
