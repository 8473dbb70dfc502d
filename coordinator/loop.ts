// The leader's loop, for one term. Each round takes a view of the cluster, plans, executes the steps and reads their results.
// Rounds follow each other until a plan is empty, and then until something changes. A change only requests a round. So rounds never
// overlap, and no step depends on a watch: if one is lost, the next poll finds the change.

import { present } from '../common/base/assert.ts';
import { delay, type Env, every } from '../common/base/env.ts';
import type { Logger } from '../common/base/log.ts';
import type { RangeId } from '../common/model/ids.ts';
import type { Zk } from '../common/zk/store.ts';
import type { ClusterView } from './cluster-view.ts';
import { ClusterWatcher } from './cluster-watcher.ts';
import { batchesOf, commitSteps, type Fence, type Outcome, rereadStep } from './commit.ts';
import type { LeaderConfig } from './config.ts';
import { failedTask } from './plan/task-update.ts';
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
  /** Called for every step that was committed. */
  readonly committed: (step: Step) => void;
}

/** If the last plan took longer than this, ms, the next round waits for as long as it took. */
const CHEAP_PLAN_MS = 1;
/** The longest wait before a round, ms. */
const PAUSE_MS_MAX = 50;

/** Why a term has ended. */
export type TermEnd = 'fenced' | 'session ended' | 'stopped';

export class Leader {
  readonly #fence: Fence;
  readonly #deps: LeaderDeps;
  readonly #watcher: ClusterWatcher;
  readonly #setAside: SetAside;
  #wake: () => void = () => {};
  #dirty = true;
  #pollDue = false;
  #end: TermEnd | null = null;
  /** Steps whose outcome has not been read back yet. */
  #unread: readonly Step[] = [];
  #view: ClusterView | null = null;
  #planMs = 0;

  constructor(fence: Fence, deps: LeaderDeps) {
    this.#fence = fence;
    this.#deps = deps;
    const { coldCpu } = deps.config;
    this.#watcher = new ClusterWatcher({ ...deps, coldCpu }, () => this.#requestRound());
    this.#setAside = new SetAside(deps.env);
  }

  /** The last view of the cluster; null before the first complete one. */
  get view(): ClusterView | null {
    return this.#view;
  }

  /** Leads until the term ends, and resolves with the reason. Never rejects for a failure of ZooKeeper; a defect rejects. */
  async run(): Promise<TermEnd> {
    const { env, config } = this.#deps;
    const unsubscribe = this.#fence.session.onEnd(() => this.#endTerm('session ended'));
    const poll = every(env, config.pollMs, () => {
      this.#pollDue = true;
      this.#requestRound();
    });
    try {
      while (this.#end === null) {
        await this.#roundRequested();
        await this.#pause();
        await this.#roundOrRetry();
      }
      return this.#end;
    } finally {
      unsubscribe();
      poll.cancel();
      this.#watcher.close();
    }
  }

  /** Ends the term after the round under way. */
  stop(): void {
    this.#endTerm('stopped');
  }

  #endTerm(end: TermEnd): void {
    this.#end ??= end;
    this.#wake();
  }

  #requestRound(): void {
    this.#dirty = true;
    this.#wake();
  }

  /** Resolves when a round has been requested, when time alone may change the plan, or when the term ends. */
  async #roundRequested(): Promise<void> {
    if (this.#dirty || this.#end !== null) return;
    const { env, config } = this.#deps;
    const dueMs = this.#view === null ? null : dueInMs(this.#view, config);
    const due = dueMs === null ? null : env.after(dueMs, () => this.#requestRound());
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = () => {};
    due?.cancel();
  }

  /**
   * Waits for other changes of the same turn of the event loop. If plans take long, it waits longer: planning takes half of the
   * time at most.
   */
  #pause(): Promise<void> {
    const { env } = this.#deps;
    if (this.#planMs > CHEAP_PLAN_MS) return delay(env, Math.min(this.#planMs, PAUSE_MS_MAX));
    return new Promise((resolve) => env.soon(resolve));
  }

  async #roundOrRetry(): Promise<void> {
    if (this.#end !== null) return;
    this.#dirty = false;
    const { env, logger, config } = this.#deps;
    try {
      await this.#round();
    } catch (error) {
      if (isEnded(error)) return this.#endTerm('session ended');
      if (!isUnanswered(error)) throw error;
      logger.warn({ error: error.message }, 'ZooKeeper did not answer; planning again');
      await delay(env, config.retryMs);
      this.#dirty = true;
    }
  }

  /** Takes a view, plans, executes the steps and reads their results. Rejects with a ZkError if a read fails. */
  async #round(): Promise<void> {
    await this.#readUnread();
    const begun = this.#deps.env.now();
    this.#view = this.#watcher.view(this.#setAside.current());
    if (this.#view === null) return;
    const steps = plan(this.#view, this.#deps.config);
    this.#planMs = this.#deps.env.now() - begun;
    if (steps.length > 0) await this.#execute(await this.#confirmed(this.#view, steps));
    else if (this.#pollDue) await this.#trim();
  }

  /** R7: promotions are planned once more, from a fresh read. Other steps are safe as they are. */
  async #confirmed(view: ClusterView, steps: readonly Step[]): Promise<readonly Step[]> {
    const images = steps.filter(isPromotion).map((step) => step.before);
    if (images.length === 0) return steps;
    const fresh = await rereadForPromotion(this.#fence.session, view, images);
    this.#watcher.kickLive();
    const reread = new Set<RangeId>(images.map((image) => image.descriptor.id));
    return plan(fresh, this.#deps.config).filter((step) => !isPromotion(step) || reread.has(step.after.id));
  }

  async #execute(steps: readonly Step[]): Promise<void> {
    const { env, config } = this.#deps;
    this.#unread = steps;
    let anyDone = false;
    await inParallel(batchesOf(steps), config.commitsAtOnce, async (batch) => {
      anyDone = (await this.#commit(batch)) || anyDone;
    });
    if (this.#end !== null) return;
    await this.#readUnread();
    // No step was done: plan again, but after a pause.
    if (!anyDone) await delay(env, config.retryMs);
    this.#dirty = true;
  }

  /** Resolves to whether a step was done, or a task that asks for an impossible step has ended. */
  async #commit(batch: readonly Step[]): Promise<boolean> {
    if (this.#end !== null) return false;
    const outcomes = await commitSteps(this.#fence, batch, this.#deps.env.wallNow());
    // The multi as a whole is impossible, perhaps because of one step: each step is tried alone.
    if (batch.length > 1 && outcomes.every(({ kind }) => kind === 'impossible'))
      return this.#commitEach(batch);
    const failures: Step[] = [];
    for (const [index, step] of batch.entries()) {
      const outcome = present(outcomes[index], 'each step has an outcome');
      this.#note(step, outcome);
      if (outcome.kind !== 'impossible' || step.kind === 'task' || step.task === null) continue;
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
    const change = 'change' in step ? step.change : step.kind;
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
        logger.warn(what, 'there is a newer leader: this one steps down, and nothing was changed');
        this.#endTerm('fenced');
        return;
      case 'refused': {
        const pauseMs = this.#setAside.refused(step);
        const error = outcome.error.message;
        if (pauseMs === null)
          logger.debug(
            { ...what, error },
            `something else changed first, so it is planned anew: ${step.reason}`,
          );
        else
          logger.warn(
            { ...what, error, pauseMs },
            `refused several times although nothing changed, so it is set aside: ${step.reason}`,
          );
        return;
      }
      case 'impossible': {
        const pauseMs = this.#setAside.impossible(step);
        logger.error(
          { ...what, error: outcome.error.message, pauseMs },
          `impossible, so it is set aside: ${step.reason}`,
        );
        return;
      }
      case 'unknown':
        logger.warn(
          { ...what, error: outcome.error.message },
          `outcome unknown, so it is read again: ${step.reason}`,
        );
        return;
      case 'failed':
        if (isEnded(outcome.error)) this.#endTerm('session ended');
        else logger.warn({ ...what, error: outcome.error.message }, `not done: ${step.reason}`);
    }
  }

  /** R10: reads the outcomes of the last steps, behind a barrier, before anything else is planned. */
  async #readUnread(): Promise<void> {
    if (this.#unread.length === 0) return;
    const { session } = this.#fence;
    await session.barrier();
    await inParallel(this.#unread, this.#deps.config.commitsAtOnce, (step) =>
      rereadStep(session, step, this.#watcher),
    );
    this.#unread = [];
  }

  async #trim(): Promise<void> {
    this.#pollDue = false;
    const outcome = await trim(this.#fence, this.#watcher.finishedTasks(), this.#deps.config);
    if (outcome?.kind === 'fenced') this.#endTerm('fenced');
  }
}

/** Runs `work` for every item, `width` at a time. Rejects with the first failure once all that were started have ended. */
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
