// What clients ask of a node: writes go to the range's replica, reads are answered from the state and then, where they
// must be linearizable, checked against ownership and lease (R11).

import { never } from '../common/base/assert.ts';
import { emptyBytes } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { type ErrorCode, RangekeeperError } from '../common/base/errors.ts';
import { LIMITS } from '../common/model/config.ts';
import type { Epoch, RangeId, Seq } from '../common/model/ids.ts';
import { compareEnds, contains, intersect, isEmpty } from '../common/model/key-range.ts';
import type { RangeCheck } from '../common/model/range-check.ts';
import type { NodeStatus } from '../common/model/status.ts';
import { replyFromError } from '../common/wire/error-reply.ts';
import type {
  CheckRequest,
  ErrorReply,
  GetRequest,
  ReadStanding,
  RequestBody,
  ScanRequest,
  WireReadMode,
  WriteRequest,
} from '../common/wire/messages.ts';
import type { RangeHost } from './range/range-host.ts';
import type { Answerable } from './range/waiting-writes.ts';
import { CorruptDataError } from './storage/errors.ts';
import type { Page, Storage } from './storage/storage.ts';

export interface ClientServiceOptions {
  readonly env: Env;
  readonly storage: Storage;
  host(range: RangeId): RangeHost | undefined;
  /** Something is being proposed to this host: it will have something to take. */
  touched(host: RangeHost): void;
  status(): NodeStatus;
  /** Scans under way at once: each may hold a page. */
  readonly scansMax?: number | undefined;
  /** See Scrub. */
  check(host: RangeHost, request: Pick<CheckRequest, 'epoch' | 'seq'>): RangeCheck | ErrorCode;
}

export const SCANS_MAX = 128;

const encoder = new TextEncoder();

export class ClientService {
  readonly #options: ClientServiceOptions;
  #scans = 0;

  constructor(options: ClientServiceOptions) {
    this.#options = options;
  }

  serve(client: Answerable, requestId: number, request: RequestBody): void {
    if (request.kind === 'status') {
      const json = encoder.encode(JSON.stringify(this.#options.status()));
      return client.reply(requestId, { kind: 'status-reply', json });
    }
    const host = this.#options.host(request.range);
    if (host === undefined || host.wiping) {
      const error = new RangekeeperError('NOT_OWNER', `range ${request.range} has no replica here`);
      return client.reply(requestId, replyFromError(error));
    }
    switch (request.kind) {
      case 'write':
        return this.#write(host, client, requestId, request);
      case 'get':
        return this.#get(host, client, requestId, request);
      case 'scan':
        void this.#scan(host, client, requestId, request);
        return;
      case 'check':
        return this.#check(host, client, requestId, request);
      default:
        never(request);
    }
  }

  #check(host: RangeHost, client: Answerable, requestId: number, request: CheckRequest): void {
    const result = this.#options.check(host, request);
    if (typeof result === 'string') {
      const text = `range ${host.range} cannot be checked here now`;
      return client.reply(requestId, host.refusal(result, text));
    }
    client.reply(requestId, { kind: 'check-reply', json: encoder.encode(JSON.stringify(result)) });
  }

  #write(host: RangeHost, client: Answerable, requestId: number, request: WriteRequest): void {
    this.#options.touched(host);
    host.write(request.epoch, request.operation, client, requestId, this.#options.env.now());
  }

  #get(host: RangeHost, client: Answerable, requestId: number, request: GetRequest): void {
    if (!contains(host.meta, request.key)) {
      return client.reply(requestId, host.refusal('WRONG_RANGE', 'the key is outside the range'));
    }
    const row = this.#options.storage.get(host.meta.namespaceId, request.key);
    const standing = this.#standing(host, request, host.appliedSeq);
    if ('code' in standing) return client.reply(requestId, standing);
    client.reply(requestId, {
      kind: 'get-reply',
      found: row !== undefined,
      value: row?.value ?? emptyBytes,
      revision: row?.revision ?? 0,
      // One by one: objects spread together take longer than to find the row.
      epoch: standing.epoch,
      stale: standing.stale,
      staleMs: standing.staleMs,
      appliedSeq: standing.appliedSeq,
    });
  }

  async #scan(host: RangeHost, client: Answerable, requestId: number, request: ScanRequest): Promise<void> {
    const tooMany = this.#scans >= (this.#options.scansMax ?? SCANS_MAX);
    const fault = tooMany ? host.refusal('OVERLOADED', 'too many scans under way') : scanFault(host, request);
    if (fault !== null) return client.reply(requestId, fault);
    this.#scans++;
    const bounds = intersect({ start: request.start, end: request.end }, host.meta);
    try {
      const page = await this.#options.storage.scan(host.meta.range, bounds, {
        limitRows: Math.min(request.limitRows, LIMITS.pageRowsMax),
        limitBytes: Math.min(request.limitBytes, LIMITS.pageBytesMax),
        reverse: request.reverse,
        keysOnly: request.keysOnly,
        countOnly: request.countOnly,
      });
      this.#answerScan(host, client, requestId, request, page);
    } catch (error) {
      // The storage has reported it, and stops this node: nobody gets an answer any more.
      if (error instanceof CorruptDataError) return;
      // The replica was wiped or voided meanwhile. Anything else is a defect, and no node goes on with that.
      if (!(error instanceof RangekeeperError)) throw error;
      client.reply(requestId, replyFromError(error));
    } finally {
      this.#scans--;
    }
  }

  #answerScan(
    host: RangeHost,
    client: Answerable,
    requestId: number,
    request: ScanRequest,
    page: Page,
  ): void {
    const standing = this.#standing(host, request, page.applied);
    if ('code' in standing) return client.reply(requestId, standing);
    const { rows, count, bound } = page;
    client.reply(requestId, { kind: 'scan-reply', rows, count, bound, ...standing });
  }

  /** Asked after the state was read, in the same turn: what the answer is worth, or why there is none. */
  #standing(
    host: RangeHost,
    request: { readonly epoch: Epoch; readonly mode: WireReadMode; readonly minSeq: Seq },
    appliedSeq: Seq,
  ): ReadStanding | ErrorReply {
    const { replica } = host;
    if (host.wiping) return host.refusal('NOT_OWNER', 'the replica is going');
    if (request.mode === 'linearizable') {
      const refusal: ErrorCode | null = replica.readRefusal(request.epoch);
      if (refusal !== null) return host.refusal(refusal, `range ${host.meta.range} cannot be read here now`);
      return { epoch: request.epoch, stale: false, staleMs: 0, appliedSeq };
    }
    if (replica.isVoid || appliedSeq < request.minSeq) {
      return host.refusal('BEHIND', `the replica is at ${appliedSeq}, ${request.minSeq} was seen`);
    }
    const ownedEpoch = replica.ownedEpoch;
    const fresh = ownedEpoch !== null && replica.readRefusal(ownedEpoch) === null;
    const staleMs = fresh ? 0 : replica.staleMs(this.#options.env.now());
    return { epoch: replica.epochSeen, stale: !fresh, staleMs, appliedSeq };
  }
}

function scanFault(host: RangeHost, request: ScanRequest): ErrorReply | null {
  if (host.replica.isVoid) return host.refusal('BEHIND', 'the replica is taking a snapshot in');
  const asked = { start: request.start, end: request.end };
  if (isEmpty(asked) || request.limitRows < 1 || request.limitBytes < 1) {
    return host.refusal('INVALID_ARGUMENT', 'empty bounds or limits');
  }
  // The side where the scan begins must be inside: what is answered is complete from there.
  const inside = request.reverse
    ? compareEnds(request.end, host.meta.end) <= 0 && !isEmpty(intersect(asked, host.meta))
    : contains(host.meta, request.start);
  return inside ? null : host.refusal('WRONG_RANGE', 'the scan begins outside the range');
}
