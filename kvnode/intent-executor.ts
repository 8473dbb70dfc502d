// Executes what replicas request beyond messages (Intent): reads and changes of ZooKeeper, and snapshot transfers. All of it runs
// outside the turn. The outcome goes back to the replica as an event.

import { never } from '../common/base/assert.ts';
import type { Logger } from '../common/base/log.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { Zk } from '../common/zk/store.ts';
import type { ConflictWatch } from './health/conflict-watch.ts';
import type { RangeHost } from './range/range-host.ts';
import type { Intent, ReplicaEvent } from './replica/replica-messages.ts';
import type { SnapshotSender } from './snapshot/sender.ts';
import { DescriptorWriter, describePurpose } from './zk/descriptor-writer.ts';
import type { EventWriter } from './zk/event-writer.ts';

export interface IntentExecutorDeps {
  readonly self: NodeId;
  readonly zk: Zk;
  readonly logger: Logger;
  readonly events: Pick<EventWriter, 'report'>;
  readonly conflicts: Pick<ConflictWatch, 'report'>;
  readonly sender: SnapshotSender;
  readonly step: (host: RangeHost, event: ReplicaEvent) => void;
  /** Starts another read of the range's descriptor. */
  readonly readAgain: (range: RangeId) => void;
  /** Starts another read of the node's live znode, because what is known of it seems to be old. */
  readonly readNodeAgain: (node: NodeId) => void;
  /** The node's name, for texts. */
  readonly nameOf: (node: NodeId) => string;
}

export class IntentExecutor {
  readonly #deps: IntentExecutorDeps;
  readonly #writer: DescriptorWriter;

  constructor(deps: IntentExecutorDeps) {
    this.#deps = deps;
    this.#writer = new DescriptorWriter(deps.zk, deps.logger);
  }

  /** Starts what the intent requests. Compare-and-sets wait for flush(). */
  execute(host: RangeHost, intent: Intent): void {
    switch (intent.kind) {
      case 'compare-and-set':
        void this.#compareAndSet(host, intent);
        return;
      case 'read-image':
        return this.#deps.readAgain(host.meta.range);
      case 'read-session':
        void this.#readSession(host, intent.node);
        return;
      case 'report-stuck':
        return this.#reportStuck(host, intent);
      case 'report-conflict':
        return this.#deps.conflicts.report(host.meta.range, intent.conflict);
      case 'send-snapshot':
        void this.#sendSnapshot(host, intent);
        return;
      default:
        return never(intent);
    }
  }

  /** Sends the compare-and-sets of the turn. */
  flush(): void {
    this.#writer.flush();
  }

  /** R10: if the answer is not `done`, the descriptor is read, because only an image settles the outcome. */
  async #compareAndSet(host: RangeHost, intent: Intent & { kind: 'compare-and-set' }): Promise<void> {
    const { logger, events, step, readAgain, nameOf } = this.#deps;
    const { purpose, next, expected, why } = intent;
    const outcome = await this.#writer.compareAndSet(next, expected);
    step(host, { kind: 'cas-outcome', expected, outcome });
    if (outcome !== 'done') return readAgain(next.id);
    const text = `range ${next.id}: ${describePurpose(purpose, nameOf(purpose.node))}: ${why}`;
    logger.info({ range: next.id, epoch: next.epoch }, text);
    events.report({ kind: purpose.kind, text, range: next.id, node: purpose.node, epoch: next.epoch });
  }

  async #readSession(host: RangeHost, node: NodeId): Promise<void> {
    const session = await this.#writer.liveSession(node);
    if (session === null) this.#deps.readNodeAgain(node);
    this.#deps.step(host, { kind: 'session-read', node, session });
  }

  /** Logs that an owner commits nothing and keeps the range, and writes an event. */
  #reportStuck(host: RangeHost, intent: Intent & { kind: 'report-stuck' }): void {
    const { self, logger, events, nameOf } = this.#deps;
    const { unresponsive, failedHandOvers, waitMs } = intent;
    const { range } = host.meta;
    const epoch = host.replica.epochSeen;
    const names = unresponsive.map(nameOf);
    const cause = names.length === 0 ? 'its own disk is behind' : `${names.join(', ')} acknowledge nothing`;
    const times = failedHandOvers === 1 ? 'once' : `${failedHandOvers} times`;
    const text =
      `range ${range}: nothing commits, because ${cause}; its owner handed over ${times}, which did not help, ` +
      `and now keeps the range for up to ${waitMs / 1_000} s`;
    logger.warn({ range, epoch, unresponsive: names }, text);
    events.report({ kind: 'stuck', text, range, node: self, epoch });
  }

  async #sendSnapshot(host: RangeHost, { to, inc }: Intent & { kind: 'send-snapshot' }): Promise<void> {
    const { logger, sender, step } = this.#deps;
    const { range, namespace } = host.meta;
    const epoch = host.replica.ownedEpoch;
    if (epoch === null) return;
    logger.info({ range, namespace, to }, 'sending a snapshot');
    const installed = await sender.transfer({ range, epoch, node: to, inc });
    step(host, { kind: 'snapshot-sent', to, inc, installed });
  }
}
