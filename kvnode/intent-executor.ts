// What replicas ask for beyond messages: changes and readings of ZooKeeper, snapshots to others. Each is done outside the turn;
// what came of it goes back to the replica as an event.

import { never } from '../common/base/assert.ts';
import type { Logger } from '../common/base/log.ts';
import type { NodeId, RangeId } from '../common/model/ids.ts';
import type { Zk } from '../common/zk/store.ts';
import type { ConflictWatch } from './health/conflict-watch.ts';
import type { RangeHost } from './range/range-host.ts';
import type { ReplicaEvent } from './replica/events.ts';
import type { Intent } from './replica/replica-messages.ts';
import type { SnapshotSender } from './snapshot/sender.ts';
import { DescriptorWriter, storyOf } from './zk/descriptor-writer.ts';
import type { EventWriter } from './zk/event-writer.ts';

export interface IntentDeps {
  readonly self: NodeId;
  readonly zk: Zk;
  readonly logger: Logger;
  readonly events: Pick<EventWriter, 'report'>;
  readonly conflicts: Pick<ConflictWatch, 'report'>;
  readonly sender: SnapshotSender;
  readonly step: (host: RangeHost, event: ReplicaEvent) => void;
  /** Has the range's descriptor read again. */
  readonly readAgain: (range: RangeId) => void;
  /** Has the node's live znode read again: what is known of it seems to be old. */
  readonly readNodeAgain: (node: NodeId) => void;
  /** Of a node, for people. */
  readonly nameOf: (node: NodeId) => string;
}

export class Intents {
  readonly #deps: IntentDeps;
  readonly #writer: DescriptorWriter;

  constructor(deps: IntentDeps) {
    this.#deps = deps;
    this.#writer = new DescriptorWriter(deps.zk, deps.logger);
  }

  /** Compare-and-sets wait for flush(). */
  carryOut(host: RangeHost, intent: Intent): void {
    const { step, readAgain, readNodeAgain } = this.#deps;
    switch (intent.kind) {
      case 'compare-and-set':
        void this.#compareAndSet(host, intent);
        return;
      case 'read-image':
        return readAgain(host.meta.range);
      case 'read-session':
        void this.#writer.liveSession(intent.node).then((session) => {
          if (session === null) readNodeAgain(intent.node);
          step(host, { kind: 'session-read', node: intent.node, session });
        });
        return;
      case 'report-stuck':
        return this.#reportStuck(host, intent);
      case 'report':
        return this.#deps.conflicts.report(host.meta.range, intent.conflict);
      case 'send-snapshot':
        return this.#sendSnapshot(host, intent);
      default:
        return never(intent);
    }
  }

  /** Sends the compare-and-sets of the turn. */
  flush(): void {
    this.#writer.flush();
  }

  /** R10: where the answer is not `done`, the descriptor is read, as only an image settles what became of it. */
  async #compareAndSet(host: RangeHost, intent: Intent & { kind: 'compare-and-set' }): Promise<void> {
    const { logger, events, step, readAgain, nameOf } = this.#deps;
    const { purpose, next, expected, why } = intent;
    const outcome = await this.#writer.compareAndSet(next, expected);
    step(host, { kind: 'cas-outcome', expected, outcome });
    if (outcome !== 'done') return readAgain(next.id);
    const text = `range ${next.id}: ${storyOf(purpose, nameOf(purpose.node))}: ${why}`;
    logger.info({ range: next.id, epoch: next.epoch }, text);
    events.report({ kind: purpose.kind, text, range: next.id, node: purpose.node, epoch: next.epoch });
  }

  /** An owner that commits nothing keeps the range, as handing it over has not helped: a line in the log, and an event. */
  #reportStuck(host: RangeHost, { silent, inVain, waitMs }: Intent & { kind: 'report-stuck' }): void {
    const { self, logger, events, nameOf } = this.#deps;
    const { range } = host.meta;
    const epoch = host.replica.epochSeen;
    const names = silent.map(nameOf);
    const who = names.length === 0 ? 'its own disk is behind' : `${names.join(', ')} acknowledge nothing`;
    const times = inVain === 1 ? 'once' : `${inVain} times`;
    const text =
      `range ${range}: nothing commits, as ${who}; its owner here has handed over ${times} in vain, ` +
      `and keeps it for up to ${waitMs / 1_000} s`;
    logger.warn({ range, epoch, silent: names }, text);
    events.report({ kind: 'stuck', text, range, node: self, epoch });
  }

  #sendSnapshot(host: RangeHost, { to, inc }: Intent & { kind: 'send-snapshot' }): void {
    const { logger, sender, step } = this.#deps;
    const { range, namespace } = host.meta;
    const epoch = host.replica.ownedEpoch;
    if (epoch === null) return;
    logger.info({ range, namespace, to }, 'sending a snapshot');
    void sender.transfer({ range, epoch, node: to, inc }).then((installed) => {
      step(host, { kind: 'snapshot-sent', to, inc, installed });
    });
  }
}
