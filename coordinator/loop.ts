// The leader's loop, for one term. Whatever happens only says "look again"; one runner looks, plans, carries out, reads
// what came of it, and looks again until there is nothing left to do. So nothing runs twice at a time and nothing depends
// on an event having been seen: a lost watch costs a slow poll, never a step.

import { present } from '../common/base/assert.ts';
import { delay, type Env, every } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { RangeId } from '../common/model/ids.ts';
import type { Zk } from '../common/zk/store.ts';
import type { View } from './cluster-view.ts';
import { Picture } from './cluster-watcher.ts';
import { batchesOf, commitSteps, type Fence, type Outcome, rereadStep } from './commit.ts';
import type { LeaderConfig } from './config.ts';
import { failedTask } from './plan/tasks.ts';
import { dueInMs, isPromotion, plan } from './plan.ts';
import { rereadForPromotion } from './reread.ts';
import { isEnded, isUnanswered } from './retry.ts';
import { SetAside } from './set-aside.ts';
import type { Step } from './step.ts';
import { trim } from './trim.ts';

export interface LeaderDeps {
  readonly zk: Zk;
  readonly env: Env;
  readonly logger: Logger;
  readonly config: LeaderConfig;
  /** Told of every step that was committed. */
  readonly committed: (step: Step) => void;
}

/** A plan that takes no longer (ms) is cheap enough to be made at every hint. */
const PAUSE_MS_MIN = 1;
const PAUSE_MS_MAX = 50;

/** Why a term is over. */
export type TermEnd = 'fenced' | 'session ended' | 'stopped';

export class Leader {
  readonly #fence: Fence;
  readonly #deps: LeaderDeps;
  readonly #picture: Picture;
  readonly #setAside: SetAside;
  #wake: () => void = () => {};
  #dirty = true;
  #pollDue = false;
  #end: TermEnd | null = null;
  /** Steps whose outcome or whose effect has not been read yet. */
  #unread: readonly Step[] = [];
  #view: View | null = null;
  #planMs = 0;

  constructor(fence: Fence, deps: LeaderDeps) {
    this.#fence = fence;
    this.#deps = deps;
    this.#picture = new Picture(deps.zk, deps.env, deps.logger, () => this.#hint());
    this.#setAside = new SetAside(deps.env);
  }

  /** What it saw last; null before the first whole picture. */
  get view(): View | null {
    return this.#view;
  }

  /** Leads until the term is over; never rejects for what ZooKeeper does. */
  async run(): Promise<TermEnd> {
    const { env, config } = this.#deps;
    const forget = this.#fence.session.onEnd(() => this.#over('session ended'));
    const poll = every(env, config.pollMs, () => {
      this.#pollDue = true;
      this.#hint();
    });
    try {
      while (this.#end === null) {
        await this.#hinted();
        await this.#pause();
        await this.#roundOrRetry();
      }
      return this.#end;
    } finally {
      forget();
      poll.cancel();
      this.#picture.close();
    }
  }

  /** Ends the term after the round under way. */
  stop(): void {
    this.#over('stopped');
  }

  #over(end: TermEnd): void {
    this.#end ??= end;
    this.#wake();
  }

  #hint(): void {
    this.#dirty = true;
    this.#wake();
  }

  async #hinted(): Promise<void> {
    if (this.#dirty || this.#end !== null) return;
    const { env, config } = this.#deps;
    const dueMs = this.#view === null ? null : dueInMs(this.#view, config);
    const due = dueMs === null ? null : env.after(dueMs, () => this.#hint());
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = () => {};
    due?.cancel();
  }

  /** What came with the hint in the same turn is gathered; and where planning is dear it takes half the time at most. */
  #pause(): Promise<void> {
    const { env } = this.#deps;
    if (this.#planMs > PAUSE_MS_MIN) return delay(env, Math.min(this.#planMs, PAUSE_MS_MAX));
    return new Promise((resolve) => env.soon(resolve));
  }

  async #roundOrRetry(): Promise<void> {
    if (this.#end !== null) return;
    this.#dirty = false;
    const { env, logger, config } = this.#deps;
    try {
      await this.#round();
    } catch (error) {
      if (isEnded(error)) return this.#over('session ended');
      if (!isUnanswered(error)) throw error;
      logger.warn({ error: error.message }, 'ZooKeeper did not answer; looking again');
      await delay(env, config.retryMs);
      this.#dirty = true;
    }
  }

  /** Look, plan, carry out, read what came of it. Rejects with a ZkError where a reading fails. */
  async #round(): Promise<void> {
    await this.#readUnread();
    const begun = this.#deps.env.now();
    this.#view = this.#picture.view(this.#setAside.current());
    if (this.#view === null) return;
    const steps = plan(this.#view, this.#deps.config);
    this.#planMs = this.#deps.env.now() - begun;
    if (steps.length > 0) await this.#carryOut(await this.#confirmed(this.#view, steps));
    else if (this.#pollDue) await this.#tidy();
  }

  /** R7: promotions are planned once more, on what is read for them now; other steps are safe as they are. */
  async #confirmed(view: View, steps: readonly Step[]): Promise<readonly Step[]> {
    const images = steps.filter(isPromotion).map((step) => step.before);
    if (images.length === 0) return steps;
    const fresh = await rereadForPromotion(this.#fence.session, view, images);
    this.#picture.kickLive();
    const reread = new Set<RangeId>(images.map((image) => image.descriptor.id));
    return plan(fresh, this.#deps.config).filter((step) => !isPromotion(step) || reread.has(step.after.id));
  }

  async #carryOut(steps: readonly Step[]): Promise<void> {
    const { env, config } = this.#deps;
    this.#unread = steps;
    let anyDone = false;
    await inParallel(batchesOf(steps), config.commitsAtOnce, async (batch) => {
      anyDone = (await this.#commit(batch)) || anyDone;
    });
    if (this.#end !== null) return;
    await this.#readUnread();
    // Nothing came of it: look again, but not in a tight circle.
    if (!anyDone) await delay(env, config.retryMs);
    this.#dirty = true;
  }

  /** True: one of them is done, or the task that asks for what cannot be done has ended. */
  async #commit(batch: readonly Step[]): Promise<boolean> {
    if (this.#end !== null) return false;
    const outcomes = await commitSteps(this.#fence, batch, this.#deps.env.wallNow());
    // What ZooKeeper refuses as a whole may be one step's fault: each is tried alone.
    if (batch.length > 1 && outcomes.every(({ kind }) => kind === 'hopeless')) return this.#commitEach(batch);
    const failures: Step[] = [];
    for (const [index, step] of batch.entries()) {
      const outcome = present(outcomes[index], 'each step has an outcome');
      this.#note(step, outcome);
      if (outcome.kind !== 'hopeless' || step.kind === 'task' || step.task === null) continue;
      failures.push(failedTask(step.task.task, `ZooKeeper refuses it: ${outcome.error.message}`));
    }
    const anyFailed = failures.length > 0 && (await this.#commitEach(failures));
    return anyFailed || outcomes.some(({ kind }) => kind === 'done');
  }

  async #commitEach(steps: readonly Step[]): Promise<boolean> {
    let anyDone = false;
    for (const step of steps) anyDone = (await this.#commit([step])) || anyDone;
    return anyDone;
  }

  #note(step: Step, outcome: Outcome): void {
    const { logger, committed } = this.#deps;
    const change = step.kind === 'range' || step.kind === 'note-node' ? step.change : step.kind;
    const what = { step: change, term: this.#fence.term };
    switch (outcome.kind) {
      case 'done':
        if (change === 'node-unreachable' || change === 'node-stuck') logger.warn(what, step.reason);
        else logger.info(what, step.reason);
        this.#setAside.done(step);
        committed(step);
        return;
      case 'fenced':
        if (this.#end === 'fenced') return;
        logger.warn(what, 'there is a newer leader: this one steps down, nothing was changed');
        this.#over('fenced');
        return;
      case 'refused': {
        const pauseMs = this.#setAside.refused(step);
        const error = outcome.error.message;
        if (pauseMs === null) logger.debug({ ...what, error }, `overtaken, planned anew: ${step.reason}`);
        else
          logger.warn(
            { ...what, error, pauseMs },
            `refused again and again as it is, set aside: ${step.reason}`,
          );
        return;
      }
      case 'hopeless': {
        const pauseMs = this.#setAside.hopeless(step);
        logger.error(
          { ...what, error: outcome.error.message, pauseMs },
          `not possible, set aside: ${step.reason}`,
        );
        return;
      }
      case 'unknown':
        logger.warn({ ...what, error: outcome.error.message }, `outcome unknown, read again: ${step.reason}`);
        return;
      case 'failed':
        if (isEnded(outcome.error)) this.#over('session ended');
        else logger.warn({ ...what, error: outcome.error.message }, `not done: ${step.reason}`);
    }
  }

  /** R10: an outcome is settled by reading, after a barrier, before anything else is planned. */
  async #readUnread(): Promise<void> {
    if (this.#unread.length === 0) return;
    const { session } = this.#fence;
    await session.barrier();
    await inParallel(this.#unread, this.#deps.config.commitsAtOnce, (step) =>
      rereadStep(session, step, this.#picture),
    );
    this.#unread = [];
  }

  async #tidy(): Promise<void> {
    this.#pollDue = false;
    const outcome = await trim(this.#fence, this.#picture.finishedTasks(), this.#deps.config);
    if (outcome?.kind === 'fenced') this.#over('fenced');
  }
}

/** Runs `work` for every item, `width` at a time; rejects with the first failure, when all under way have ended. */
async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const workers = Array.from({ length: Math.min(width, items.length) }, async () => {
    for (const item of queue) await work(item);
  });
  const results = await Promise.allSettled(workers);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
