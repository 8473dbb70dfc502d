// Bounds how many requests are under way at once. A request is under way until its answer is sent or its connection is lost, and in any
// case while its handler runs. Fastify's onResponse does not do: it is never called if the connection is lost before the answer.

import type { ServerResponse } from 'node:http';

export class RequestsUnderWay {
  readonly #max: number;
  /** For each request, by its response: what it still waits for, its end and the end of its handler. */
  readonly #waits = new Map<ServerResponse, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** False: there are too many. */
  begin(response: ServerResponse): boolean {
    if (this.#waits.size >= this.#max) return false;
    this.#waits.set(response, 1);
    response.once('close', () => this.#ended(response));
    return true;
  }

  /** Runs the handler of a request that has begun. */
  async during<T>(response: ServerResponse, handler: () => Promise<T>): Promise<T> {
    this.#waits.set(response, (this.#waits.get(response) ?? 0) + 1);
    try {
      return await handler();
    } finally {
      this.#ended(response);
    }
  }

  #ended(response: ServerResponse): void {
    const left = (this.#waits.get(response) ?? 0) - 1;
    if (left > 0) this.#waits.set(response, left);
    else this.#waits.delete(response);
  }
}
