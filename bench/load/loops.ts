// Two ways to load a server. Closed loop: each caller sends its next operation when the last one is answered, which shows the highest
// throughput. Open loop: operations arrive at random times that do not depend on the server, and latency is measured from the time at
// which an operation was due (no coordinated omission), which shows the latency under a given load.

import { delay, type Env } from '../../common/base/env.ts';
import { type Random, seeded } from '../stats/draws.ts';
import { Latencies } from '../stats/summary.ts';
import type { Operations } from './operations.ts';
import type { SlotResult, SlotSpec } from './slot.ts';

const SECOND_MS = 1_000;
const REFUSED_MS = 1;
/** Maximum number of operations that a late program sends in one turn before it handles answers. */
const AT_ONCE = 512;

export function runSlot(env: Env, spec: SlotSpec, operations: Operations): Promise<SlotResult> {
  return spec.arrivals === null
    ? closedLoop(env, spec, operations)
    : openLoop(env, spec, spec.arrivals, operations);
}

async function closedLoop(env: Env, spec: SlotSpec, operations: Operations): Promise<SlotResult> {
  const latencies = new Latencies();
  const begin = env.now() + spec.warmUpMs;
  const end = begin + spec.ms;
  let rowsBefore = 0;
  const caller = (_: unknown, number: number): Promise<void> =>
    new Promise((resolve) => {
      let sent = env.now();
      const next = (): void => operations.start(number, ended);
      const ended = (well: boolean): void => {
        const now = env.now();
        if (well && now >= begin && now < end) latencies.record(now - sent);
        sent = now;
        if (now >= end) resolve();
        else if (well) next();
        // A refusal may come at once, so the caller waits a little after it, as a user would.
        else env.after(REFUSED_MS, next);
      };
      next();
    });
  const callers = Array.from({ length: spec.callers }, caller);
  env.after(spec.warmUpMs, () => {
    rowsBefore = operations.rows;
  });
  await Promise.all(callers);
  const { rows, errors } = operations;
  return resultOf(spec, latencies, { done: latencies.count, rows: rows - rowsBefore, errors });
}

async function openLoop(
  env: Env,
  spec: SlotSpec,
  perSecond: number,
  operations: Operations,
): Promise<SlotResult> {
  const latencies = new Latencies();
  const random = seeded(spec.seed + 1);
  const begin = env.now() + spec.warmUpMs;
  const end = begin + spec.ms;
  const free = Array.from({ length: spec.callers }, (_, number) => number);
  /** The due times of operations that wait for a free caller, oldest first. */
  const waiting: number[] = [];
  let underWay = 0;
  let head = 0;
  let done = 0;
  const send = (due: number, number: number): void => {
    underWay++;
    operations.start(number, (well) => {
      underWay--;
      const now = env.now();
      if (well && due >= begin && due < end) latencies.record(now - due);
      if (well && now >= begin && now < end) done++;
      const next = waiting[head];
      if (next === undefined || now >= end) free.push(number);
      else {
        head++;
        send(next, number);
      }
    });
  };
  for (let due = env.now() + gap(random, perSecond); due < end; ) {
    let sent = 0;
    for (; sent < AT_ONCE && due <= env.now() && due < end; due += gap(random, perSecond)) {
      sent++;
      const number = free.pop();
      if (number === undefined) waiting.push(due);
      else send(due, number);
    }
    if (sent < AT_ONCE) await delay(env, 1);
    else await new Promise<void>((resolve) => env.soon(resolve));
  }
  while (underWay > 0) await delay(env, 5);
  const unsent = waiting.length - head;
  const errors = unsent === 0 ? operations.errors : { ...operations.errors, NOT_SENT: unsent };
  return resultOf(spec, latencies, { done, rows: operations.rows, errors });
}

/** Time until the next arrival of a Poisson process, ms. */
function gap(random: Random, perSecond: number): number {
  return (-Math.log(1 - random()) * SECOND_MS) / perSecond;
}

function resultOf(
  { ms }: SlotSpec,
  latencies: Latencies,
  counts: Pick<SlotResult, 'done' | 'rows' | 'errors'>,
): SlotResult {
  return { ...counts, seconds: ms / SECOND_MS, quantiles: latencies.quantiles() };
}
