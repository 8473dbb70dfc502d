// Replaced replicas on this node (docs/storage.md#replacement). The step of a replacement is one record, and takes effect at once. What the
// parents applied last may then be in the overlay and in their logs only, because the state store is written behind. So their logs
// are kept until the state of the children is in the state store: then the replacement is settled, and the parents leave.

import { assert, present } from '../../common/base/assert.ts';
import { origin, type RangeId } from '../../common/model/ids.ts';
import { baseOf } from '../../common/model/replacement.ts';
import { encodeReplaced, encodeTombstone, type ReplacedBody } from './log/bodies.ts';
import type { LoggedReplica, LoggedReplicas } from './log/logged-replicas.ts';
import { RECORD_TYPES } from './log/record.ts';
import type { SharedLog } from './log/shared-log.ts';
import type { AppliedState } from './state/applied-state.ts';
import type { CheckedEngine } from './state/checked-engine.ts';
import type { RecoveredReplica, ReplacementStep, UnsettledStep } from './storage.ts';

export interface SettlementParts {
  readonly log: SharedLog;
  readonly replicas: LoggedReplicas;
  readonly state: AppliedState;
  readonly engine: CheckedEngine;
}

export class Settlement {
  readonly #parts: SettlementParts;
  #settling: Promise<void> = Promise.resolve();

  constructor(parts: SettlementParts) {
    this.#parts = parts;
  }

  /** See StorageReplicas.replace. */
  replace({ parents, children }: ReplacementStep): readonly RecoveredReplica[] {
    const { log, replicas } = this.#parts;
    const [first] = parents;
    assert(first !== undefined, 'S6: a parent is replaced');
    for (const { range, final } of parents) {
      const parent = replicas.get(range);
      assert(replicas.isSettled(range), `S6: range ${range} is settled before it is replaced`);
      assert(!parent.void && parent.applied.seq === final.seq, `S6: range ${range} has applied its log`);
    }
    const body: ReplacedBody = {
      parents,
      children: children.map(({ range, inc, namespace, namespaceId, start, end }) => {
        return { range, inc, namespace, span: { namespaceId, start, end } };
      }),
    };
    log.put(RECORD_TYPES.replaced, first.range, baseOf(parents), encodeReplaced(body));
    const made = replicas.replace(body);
    return made.map((child) => child.recovered);
  }

  /** See StorageReplicas.unsettled. */
  get unsettled(): readonly UnsettledStep[] {
    const steps = new Map<string, LoggedReplica[]>();
    for (const parent of this.#parts.replicas.leaving.values()) {
      const children = String(present(parent.leaving, 'what it leaves to').children);
      steps.set(children, [...(steps.get(children) ?? []), parent]);
    }
    return [...steps.values()].map((parents) => this.#unsettledStep(parents));
  }

  #unsettledStep(parents: readonly LoggedReplica[]): UnsettledStep {
    const { byRange } = this.#parts.replicas;
    const children = present(parents[0]?.leaving, 'what it leaves to').children;
    return {
      parents: parents.map((parent) => {
        return { ...parent.recovered, final: present(parent.leaving, 'what it leaves to').final };
      }),
      children: children.filter((child) => byRange.get(child)?.hasState === false),
    };
  }

  /** The replica has its session table now. If it was just made from its parents, its state can be written. */
  attached(replica: LoggedReplica): void {
    if (!replica.hasState && !this.isSettled(replica.range)) this.#parts.state.begin(replica);
  }

  isSettled(range: RangeId): boolean {
    return this.#parts.replicas.isSettled(range);
  }

  /** See StorageReplicas.settle. */
  settle(): Promise<void> {
    const settled = this.#settling.then(() => this.#settleAll());
    this.#settling = settled.catch(() => {});
    return settled;
  }

  async #settleAll(): Promise<void> {
    const { log, replicas, state, engine } = this.#parts;
    const leaving = [...replicas.leaving.values()];
    if (leaving.length === 0) return;
    await log.flushed();
    await state.flush();
    for (const parent of leaving) this.#assertStored(parent);
    for (const { range } of leaving) await this.#guard(state.forget(range));
    for (const { range, inc, epochSeen } of leaving) {
      const tombstone = { inc, epochSeen, pending: null, stateBatch: engine.newestBatch };
      log.put(RECORD_TYPES.tombstone, range, origin, encodeTombstone(tombstone));
      replicas.recordTombstone(range, tombstone);
    }
    await log.flushed();
  }

  #assertStored({ range, appliedSynced, leaving }: LoggedReplica): void {
    const { final, children } = present(leaving, 'what it leaves to');
    assert(appliedSynced.seq === final.seq, `S6: all of range ${range} is in the state store`);
    for (const child of children) {
      const made = this.#parts.replicas.byRange.get(child);
      assert(made === undefined || made.hasState, `S6: range ${child} is in the state store`);
    }
  }

  /** If the store cannot write, the disk has failed (R12). */
  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#parts.log.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }
}
