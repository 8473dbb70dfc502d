// Replaced replicas on this node (docs/storage.md#replacement). The step of a replacement is one record, and takes effect at once. What the
// parents applied last may then be in the overlay and in their logs only, because the state store is written behind. So their logs
// are kept until the state of the children is in the state store: then the replacement is settled, and the parents leave.

import { assert, present } from '../../common/base/assert.ts';
import { emptyBytes } from '../../common/base/bytes.ts';
import { comparePositions } from '../../common/model/ids.ts';
import { overlaps } from '../../common/model/key-range.ts';
import { baseOf, type Parent } from '../../common/model/replacement.ts';
import { type ChildBody, encodeReplaced, type ReplacedBody } from './log/bodies.ts';
import type { LoggedReplica, LoggedReplicas } from './log/logged-replicas.ts';
import { RECORD_TYPES } from './log/record.ts';
import type { SharedLog } from './log/shared-log.ts';
import type { AppliedState } from './state/applied-state.ts';
import type { Removal } from './state/removal.ts';
import type { RecoveredReplica, ReplacementStep, UnsettledStep } from './storage.ts';

export interface SettlementParts {
  readonly log: SharedLog;
  readonly replicas: LoggedReplicas;
  readonly state: AppliedState;
  readonly removal: Removal;
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
    const body: ReplacedBody = {
      parents,
      children: children.map(({ range, inc, namespace, namespaceId, start, end }) => {
        return { range, inc, namespace, span: { namespaceId, start, end } };
      }),
    };
    const first = present(parents[0], 'a parent');
    for (const parent of parents) this.#assertEnds(parent);
    for (const child of body.children) this.#assertTakesPlace(child, body);
    log.put(RECORD_TYPES.replaced, first.range, baseOf(parents), encodeReplaced(body));
    return replicas.replace(body).map((child) => child.recovered);
  }

  #assertEnds({ range, final }: Parent): void {
    const { replicas } = this.#parts;
    const parent = replicas.get(range);
    assert(replicas.isSettled(range), `S6: range ${range} is settled before it is replaced`);
    assert(!parent.void, `S6: the replica of range ${range} is not void`);
    assert(comparePositions(parent.applied, final) === 0, `S6: range ${range} has applied its log`);
    assert(parent.committed === final.seq, `S6: nothing of range ${range} is committed after its end`);
  }

  /** S7: the child has keys of the parents only. */
  #assertTakesPlace({ range, inc, span }: ChildBody, { parents, children }: ReplacedBody): void {
    const { replicas } = this.#parts;
    replicas.assertUnused(range, inc);
    const replaced = parents.map((parent) => parent.range);
    replicas.assertFree(span, range, replaced);
    for (const other of children)
      assert(other.range === range || !overlaps(other.span, span), 'children have no key in common');
  }

  /** See StorageReplicas.unsettled. */
  get unsettled(): readonly UnsettledStep[] {
    const steps = new Map<string, LoggedReplica[]>();
    for (const parent of this.#parts.replicas.leaving.values()) {
      const children = String(leavingOf(parent).children);
      steps.set(children, [...(steps.get(children) ?? []), parent]);
    }
    return [...steps.values()].map((parents) => this.#unsettledStep(parents));
  }

  #unsettledStep(parents: readonly LoggedReplica[]): UnsettledStep {
    const { replicas } = this.#parts;
    const children = parents[0]?.leaving?.children ?? [];
    return {
      parents: parents.map((parent) => ({ ...parent.recovered, final: leavingOf(parent).final })),
      children: children.filter((child) => {
        const made = replicas.byRange.get(child);
        return made !== undefined && replicas.isBeginning(made);
      }),
    };
  }

  /** The replica has its session table now. If it was just made from its parents, its state can be written. */
  attached(replica: LoggedReplica): void {
    if (this.#parts.replicas.isBeginning(replica)) this.#parts.state.begin(replica);
  }

  /** See StorageReplicas.settle. */
  settle(): Promise<void> {
    const settled = this.#settling.then(() => this.#settleAll());
    this.#settling = settled.catch(() => {});
    return settled;
  }

  /** Resolves when nothing is being settled. */
  get idle(): Promise<void> {
    return this.#settling;
  }

  /**
   * A tombstone says first that the log relies on the state of the children, and then the positions and sessions of the parents are
   * deleted. In the other order a start could find a parent without its position, and apply its log over newer rows.
   */
  async #settleAll(): Promise<void> {
    const { log, replicas, state, removal } = this.#parts;
    const leaving = [...replicas.leaving.values()];
    if (leaving.length === 0) return;
    await log.flushed();
    await removal.guard(state.flush());
    for (const parent of leaving) this.#assertStored(parent);
    for (const parent of leaving) removal.begin(parent, noKeysOf(parent));
    for (const { range } of leaving) await removal.finish(range);
    await log.flushed();
  }

  #assertStored(parent: LoggedReplica): void {
    const { final, children } = leavingOf(parent);
    const { range, appliedSynced } = parent;
    assert(appliedSynced.seq === final.seq, `S6: all of range ${range} is in the state store`);
    for (const child of children) {
      const made = this.#parts.replicas.byRange.get(child);
      assert(made === undefined || made.hasState, `S6: range ${child} is in the state store`);
    }
  }
}

function leavingOf({ leaving }: LoggedReplica): NonNullable<LoggedReplica['leaving']> {
  return present(leaving, 'what it leaves to');
}

/** The rows of a parent belong to its children now. */
function noKeysOf({ span: { namespaceId } }: LoggedReplica): LoggedReplica['span'] {
  return { namespaceId, start: emptyBytes, end: emptyBytes };
}
