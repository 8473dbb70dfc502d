// The requests of a channel that have no answer yet, by number. Numbers rise by one, so a request is found in a ring of slots. One
// that is still there when the ring comes around again moves to a Map. A Map for all requests would cost more: V8 keeps the tables
// that a busy Map has outgrown linked to the next one, and old tables keep short-lived requests from being collected early. A slot
// is a place in three arrays, not an object, so a request leaves no garbage.

export interface PendingRequest<Handler> {
  readonly id: number;
  readonly handler: Handler;
  /** An instant of Env.now(). */
  readonly deadline: number;
}

const SLOTS_MIN = 64;
/** The id of a free slot. */
const NONE = 0;

export class PendingRequests<Handler> {
  #ids = new Float64Array(SLOTS_MIN);
  #deadlines = new Float64Array(SLOTS_MIN);
  #handlers = nothing<Handler>(SLOTS_MIN);
  readonly #stragglers = new Map<number, PendingRequest<Handler>>();
  size = 0;

  /** @param id above 0, and higher than any before */
  add(id: number, handler: Handler, deadline: number): void {
    if (++this.size * 2 > this.#ids.length) this.#widen();
    this.#place(id, handler, deadline);
  }

  /** Removes the request and returns its handler; null: there is no such request, or not any more. */
  take(id: number): Handler | null {
    const at = id & (this.#ids.length - 1);
    if (this.#ids[at] === id) {
      const handler = this.#handlers[at] ?? null;
      this.#ids[at] = NONE;
      this.#handlers[at] = null;
      this.size--;
      return handler;
    }
    const straggler = this.#stragglers.get(id) ?? null;
    if (this.#stragglers.delete(id)) this.size--;
    return straggler?.handler ?? null;
  }

  /** All requests, in order of their numbers. */
  all(): PendingRequest<Handler>[] {
    const found = [...this.#stragglers.values()];
    for (let at = 0; at < this.#ids.length; at++) {
      const request = this.#at(at);
      if (request !== null) found.push(request);
    }
    return found.sort((a, b) => a.id - b.id);
  }

  #at(slot: number): PendingRequest<Handler> | null {
    const handler = this.#handlers[slot] ?? null;
    if (handler === null) return null;
    return { id: this.#ids[slot] as number, handler, deadline: this.#deadlines[slot] as number };
  }

  #place(id: number, handler: Handler, deadline: number): void {
    const at = id & (this.#ids.length - 1);
    if (this.#ids[at] !== NONE) this.#putAside(at);
    this.#ids[at] = id;
    this.#handlers[at] = handler;
    this.#deadlines[at] = deadline;
  }

  #putAside(slot: number): void {
    const older = this.#at(slot);
    if (older !== null) this.#stragglers.set(older.id, older);
  }

  #widen(): void {
    const requests = this.all();
    const slots = this.#ids.length * 2;
    this.#ids = new Float64Array(slots);
    this.#deadlines = new Float64Array(slots);
    this.#handlers = nothing(slots);
    this.#stragglers.clear();
    for (const { id, handler, deadline } of requests) this.#place(id, handler, deadline);
  }
}

function nothing<Handler>(slots: number): (Handler | null)[] {
  return new Array<Handler | null>(slots).fill(null);
}
