// The requests of a channel that have no answer yet, found by their number. Numbers rise by one, so a ring of slots
// finds them; what is still there when the ring comes around again is kept aside. A Map for all would do, were it not that
// tables which a busy Map has outgrown stay linked to the next one: once old, they keep what passed through it from being
// collected young.

export interface PendingRequest<Handler> {
  readonly id: number;
  readonly handler: Handler;
  /** An instant of Env.now(). */
  readonly deadline: number;
}

const SLOTS_MIN = 64;

export class PendingRequests<Handler> {
  private ring: (PendingRequest<Handler> | null)[] = slots(SLOTS_MIN);
  private readonly stragglers = new Map<number, PendingRequest<Handler>>();
  size = 0;

  /** `id` is higher than any before. */
  add(id: number, handler: Handler, deadline: number): void {
    if (++this.size * 2 > this.ring.length) this.widen();
    this.place({ id, handler, deadline });
  }

  /** Takes the request out; null where it is not, or no longer, under way. */
  take(id: number): PendingRequest<Handler> | null {
    const at = id & (this.ring.length - 1);
    const found = this.ring[at] ?? null;
    if (found?.id === id) {
      this.ring[at] = null;
      this.size--;
      return found;
    }
    const straggler = this.stragglers.get(id) ?? null;
    if (this.stragglers.delete(id)) this.size--;
    return straggler;
  }

  /** All that are under way, by number. */
  all(): PendingRequest<Handler>[] {
    const found = [...this.stragglers.values(), ...this.ring];
    return found.filter((request) => request !== null).sort((a, b) => a.id - b.id);
  }

  private place(request: PendingRequest<Handler>): void {
    const at = request.id & (this.ring.length - 1);
    const older = this.ring[at] ?? null;
    if (older !== null) this.stragglers.set(older.id, older);
    this.ring[at] = request;
  }

  private widen(): void {
    const requests = this.all();
    this.ring = slots(this.ring.length * 2);
    this.stragglers.clear();
    for (const request of requests) this.place(request);
  }
}

function slots<Handler>(count: number): (PendingRequest<Handler> | null)[] {
  return new Array<PendingRequest<Handler> | null>(count).fill(null);
}
