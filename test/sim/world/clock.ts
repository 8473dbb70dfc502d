// Virtual time for a whole world: events in order of their instants, ties in order of their making, and between two of
// them every promise that can settle has settled. A hash of all that ran tells two runs of one seed apart, if they differ.

import type { Timer } from '../../../common/base/env.ts';
import { afterPromises } from '../../support/virtual-env.ts';

interface Event extends Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/** Events that are started in one go: going round the real event loop costs more than most of them. */
const BATCH = 64;

export class Clock {
  #now = 0;
  #order = 0;
  #heap: Event[] = [];
  #hash = 0x811c9dc5;
  #events = 0;

  /** Milliseconds since the beginning of the world. */
  get now(): number {
    return this.#now;
  }

  get events(): number {
    return this.#events;
  }

  /** Eight hex digits: which events ran when, and what was marked. */
  get trace(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Something that must be the same when the run is repeated. */
  mark(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value & 0xffff), 0x01000193);
    this.#hash = Math.imul(this.#hash ^ ((value / 0x10000) & 0xffff), 0x01000193);
  }

  after(ms: number, run: () => void): Timer {
    const event: Event = {
      at: this.#now + Math.max(0, ms),
      order: this.#order++,
      run,
      cancel() {
        event.run = null;
      },
    };
    this.#push(event);
    return event;
  }

  /** Lets events run until `isOver`; rejects where there is nothing left to run, or with what an event throws. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let over = false;
      let queued = 0;
      const step = () => {
        queued--;
        try {
          over ||= isOver();
          if (!over) this.#runOne();
        } catch (error) {
          over = true;
          reject(error);
        }
        if (queued > 0) return;
        if (over) resolve();
        else fill();
      };
      const fill = () => {
        for (; queued < BATCH; queued++) afterPromises(step);
      };
      fill();
    });
  }

  #runOne(): void {
    const event = this.#pop();
    if (event === undefined) throw new Error('the world stands still: no event is left');
    if (event.run === null) return;
    this.#now = event.at;
    this.#events++;
    this.mark(Math.floor(event.at * 1_000));
    event.run();
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Event;
      if (isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (isBefore(last, heap[child] as Event)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
