// Writes the multi that replaces ranges (docs/replication.md, S3), with the event that says so.

import { present } from '../../common/base/assert.ts';
import { formatBytes } from '../../common/base/bytes.ts';
import type { Logger } from '../../common/base/log.ts';
import type { Descriptor, DescriptorImage } from '../../common/model/descriptor.ts';
import type { EventRecord } from '../../common/model/records.ts';
import type { ReshapeRequest } from '../../common/model/replacement.ts';
import { ZkError, type ZkOp, type ZkSession } from '../../common/zk/store.ts';
import { descriptorCodec, paths } from '../../common/zk/znodes.ts';
import type { EventWriter } from './event-writer.ts';

export class DecisionWriter {
  readonly #logger: Logger;
  readonly #events: Pick<EventWriter, 'operation'>;

  constructor(logger: Logger, events: Pick<EventWriter, 'operation'>) {
    this.#logger = logger;
    this.#events = events;
  }

  /**
   * Resolves to whether the multi took effect now. False says nothing: only an image of a parent settles it (S4).
   * @param parents their next descriptors, with the versions that they are written over
   */
  async decide(
    session: ZkSession,
    parents: readonly DescriptorImage[],
    children: readonly Descriptor[],
    request: ReshapeRequest,
  ): Promise<boolean> {
    const event = eventOf(parents, children, request);
    try {
      await session.multi([
        ...parents.map(replaced),
        ...children.map(created),
        this.#events.operation(event),
      ]);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      this.#logger.debug({ failure: error.failure, error: error.message }, 'ranges were not replaced');
      return false;
    }
    const before = parents.map(({ descriptor }) => descriptor.id);
    this.#logger.info({ parents: before, children: children.map(({ id }) => id) }, event.text);
    return true;
  }
}

function eventOf(
  parents: readonly DescriptorImage[],
  children: readonly Descriptor[],
  { cuts, partner, reason }: ReshapeRequest,
): Omit<EventRecord, 'at' | 'by'> {
  const before = parents.map(({ descriptor }) => descriptor.id);
  const after = children.map(({ id }) => id).join(' and ');
  const text =
    partner === null
      ? `range ${before[0]} was split at ${cuts.map(formatBytes).join(' and ')} into ${after}: ${reason}`
      : `ranges ${before.join(' and ')} were merged into ${after}: ${reason}`;
  const { id: range, epoch, owner } = present(children[0], 'a child');
  return { kind: partner === null ? 'split' : 'merge', text, range, node: owner.node, epoch };
}

function replaced({ descriptor, version }: DescriptorImage): ZkOp {
  const { namespace, id } = descriptor;
  return { kind: 'set', path: paths.range(namespace, id), data: descriptorCodec.encode(descriptor), version };
}

function created(descriptor: Descriptor): ZkOp {
  const { namespace, id } = descriptor;
  const data = descriptorCodec.encode(descriptor);
  return { kind: 'create', path: paths.range(namespace, id), data, mode: 'persistent' };
}
