// The requests of a channel that have no answer yet, found by their number. Numbers rise by one, so a ring of slots
// finds them; what is still there when the ring comes around again is kept aside. A Map for all would do, were it not that
// tables which a busy Map has outgrown stay linked to the next one: once old, they keep what passed through it from being
// collected young. A slot is a place in three arrays and not an object: a request leaves nothing behind.

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
  private ids = new Float64Array(SLOTS_MIN);
  private deadlines = new Float64Array(SLOTS_MIN);
  private handlers = nothing<Handler>(SLOTS_MIN);
  private readonly stragglers = new Map<number, PendingRequest<Handler>>();
  size = 0;

  /** `id` is above 0 and higher than any before. */
  add(id: number, handler: Handler, deadline: number): void {
    if (++this.size * 2 > this.ids.length) this.widen();
    this.place(id, handler, deadline);
  }

  /** Takes the request out; null where it is not, or no longer, under way. */
  take(id: number): Handler | null {
    const at = id & (this.ids.length - 1);
    if (this.ids[at] === id) {
      const handler = this.handlers[at] ?? null;
      this.ids[at] = NONE;
      this.handlers[at] = null;
      this.size--;
      return handler;
    }
    const straggler = this.stragglers.get(id) ?? null;
    if (this.stragglers.delete(id)) this.size--;
    return straggler?.handler ?? null;
  }

  /** All that are under way, by number. */
  all(): PendingRequest<Handler>[] {
    const found = [...this.stragglers.values()];
    for (let at = 0; at < this.ids.length; at++) {
      const request = this.at(at);
      if (request !== null) found.push(request);
    }
    return found.sort((a, b) => a.id - b.id);
  }

  private at(slot: number): PendingRequest<Handler> | null {
    const handler = this.handlers[slot] ?? null;
    if (handler === null) return null;
    return { id: this.ids[slot] as number, handler, deadline: this.deadlines[slot] as number };
  }

  private place(id: number, handler: Handler, deadline: number): void {
    const at = id & (this.ids.length - 1);
    if (this.ids[at] !== NONE) this.putAside(at);
    this.ids[at] = id;
    this.handlers[at] = handler;
    this.deadlines[at] = deadline;
  }

  private putAside(slot: number): void {
    const older = this.at(slot);
    if (older !== null) this.stragglers.set(older.id, older);
  }

  private widen(): void {
    const requests = this.all();
    const slots = this.ids.length * 2;
    this.ids = new Float64Array(slots);
    this.deadlines = new Float64Array(slots);
    this.handlers = nothing(slots);
    this.stragglers.clear();
    for (const { id, handler, deadline } of requests) this.place(id, handler, deadline);
  }
}

function nothing<Handler>(slots: number): (Handler | null)[] {
  return new Array<Handler | null>(slots).fill(null);
}
