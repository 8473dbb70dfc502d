// The two ways to load a server. Closed: each caller sends its next operation when the last is answered; this finds the
// highest throughput. Open: operations arrive at times drawn beforehand, whatever the server does, and latency counts from
// the time at which an operation was due (no coordinated omission); this finds latency under a given load.

import { delay, type Env } from '../../common/base/env.ts';
import { Histogram } from '../stats/histogram.ts';
import { type Random, seeded } from '../stats/random.ts';
import type { Workload } from './operations.ts';
import type { SlotResult, SlotSpec } from './slot.ts';

const SECOND_MS = 1_000;
const REFUSED_MS = 1;
/** Arrivals that a program that is late sends in one turn: answers are heard in between, as a server's program would. */
const AT_ONCE = 512;

export function runSlot(env: Env, spec: SlotSpec, work: Workload): Promise<SlotResult> {
  return spec.arrivals === null ? closedLoop(env, spec, work) : openLoop(env, spec, spec.arrivals, work);
}

async function closedLoop(env: Env, spec: SlotSpec, work: Workload): Promise<SlotResult> {
  const latencies = new Histogram();
  const begin = env.now() + spec.warmUpMs;
  const end = begin + spec.ms;
  let rowsBefore = 0;
  const caller = (number: number): Promise<void> =>
    new Promise((resolve) => {
      let sent = env.now();
      const next = (): void => work.one(number, ended);
      const ended = (well: boolean): void => {
        const now = env.now();
        if (well && now >= begin && now < end) latencies.record(now - sent);
        sent = now;
        if (now >= end) resolve();
        else if (well) next();
        // A refusal may come at once: whoever is refused waits a little, as a user would.
        else env.after(REFUSED_MS, next);
      };
      next();
    });
  const callers = Array.from({ length: spec.callers }, (_, number) => caller(number));
  env.after(spec.warmUpMs, () => {
    rowsBefore = work.rows;
  });
  await Promise.all(callers);
  return resultOf(latencies, spec.ms, work, rowsBefore, 0);
}

async function openLoop(env: Env, spec: SlotSpec, perSecond: number, work: Workload): Promise<SlotResult> {
  const latencies = new Histogram();
  const lateness = new Histogram();
  const random = seeded(spec.seed + 1);
  const begin = env.now() + spec.warmUpMs;
  const end = begin + spec.ms;
  const free = Array.from({ length: spec.callers }, (_, number) => number);
  /** Due times of what arrived and found every caller busy; oldest first. */
  const waiting: number[] = [];
  let underWay = 0;
  let head = 0;
  let answered = 0;
  const send = (due: number, number: number): void => {
    underWay++;
    work.one(number, (well) => {
      underWay--;
      const now = env.now();
      if (well && due >= begin && due < end) latencies.record(now - due);
      if (well && now >= begin && now < end) answered++;
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
      lateness.record(env.now() - due);
      const number = free.pop();
      if (number === undefined) waiting.push(due);
      else send(due, number);
    }
    if (sent < AT_ONCE) await delay(env, 1);
    else await new Promise<void>((resolve) => env.soon(resolve));
  }
  while (underWay > 0) await delay(env, 5);
  const result = resultOf(latencies, spec.ms, work, 0, lateness.quantile(0.99));
  const unsent = waiting.length - head;
  const errors = unsent === 0 ? result.errors : { ...result.errors, NOT_SENT: unsent };
  return { ...result, done: answered, errors };
}

/** To the next arrival of a Poisson process, ms. */
function gap(random: Random, perSecond: number): number {
  return (-Math.log(1 - random()) * SECOND_MS) / perSecond;
}

function resultOf(
  latencies: Histogram,
  ms: number,
  work: Workload,
  rowsBefore: number,
  latenessMs: number,
): SlotResult {
  return {
    done: latencies.count,
    seconds: ms / SECOND_MS,
    rows: work.rows - rowsBefore,
    quantiles: latencies.quantiles(),
    longestMs: latencies.longestMs,
    errors: work.errors,
    latenessMs,
  };
}
