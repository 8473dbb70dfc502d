// The virtual time of a world. Events run in the order of their times, those of one time in the order of their creation. Between
// two events every promise that can settle settles. A hash of everything that ran shows whether two runs of a seed differ.

import type { Timer } from '../../../common/base/env.ts';
import { afterPromises } from '../../support/virtual-env.ts';

interface Event extends Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/** Number of events per turn of the real event loop: a turn costs more than most events. */
const BATCH = 64;

export class Clock {
  #now = 0;
  #order = 0;
  #heap: Event[] = [];
  #hash = 0x811c9dc5;
  #events = 0;

  /** Milliseconds of virtual time since the beginning of the world. */
  get now(): number {
    return this.#now;
  }

  get events(): number {
    return this.#events;
  }

  /** Hash of the times of all events and of what was marked, eight hex digits. */
  get trace(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Adds a value to the trace that must be the same in each run of the seed. */
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

  /** Runs events until `isOver` returns true. Rejects if no event is left, or with the error that an event throws. */
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
