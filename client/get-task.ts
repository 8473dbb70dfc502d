// The read of one key.

import { type Bytes, keepable } from '../common/base/bytes.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Descriptor, DescriptorImage } from '../common/model/descriptor.ts';
import type { NodeId } from '../common/model/ids.ts';
import type { GetRequest, WireReadMode } from '../common/wire/messages.ts';
import type { Found, Freshness, ReadMode } from './api.ts';
import type { CallLimits } from './call.ts';
import type { Directory } from './directory.ts';
import type { ReadReply, ReadTask } from './read-call.ts';
import { FoundValue } from './values.ts';

export class GetTask implements ReadTask<Found | null> {
  readonly mode: ReadMode;
  readonly limits: CallLimits;
  readonly fallbackMs: number;
  readonly #key: Bytes;

  /** @param key is kept */
  constructor(key: Bytes, mode: ReadMode, limits: CallLimits, fallbackMs: number) {
    this.#key = key;
    this.mode = mode;
    this.limits = limits;
    this.fallbackMs = fallbackMs;
  }

  route(directory: Directory, use: boolean): DescriptorImage | undefined {
    return directory.locate(this.#key, use);
  }

  body({ id: range, epoch }: Descriptor, mode: WireReadMode, minSeq: number): GetRequest {
    return { kind: 'get', range, epoch, key: this.#key, mode, minSeq };
  }

  result(reply: ReadReply, { id: range }: Descriptor, node: NodeId, freshness: Freshness): Found | null {
    if (reply.kind !== 'get-reply')
      throw new RangekeeperError('MALFORMED', `node ${node} answered a get with rows`);
    if (!reply.found) return null;
    const { revision, epoch } = reply;
    const value = keepable(reply.value);
    return new FoundValue(this.#key, { value, revision }, { range, epoch, node }, freshness);
  }
}
