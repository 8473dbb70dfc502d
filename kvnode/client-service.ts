// Serves the requests of clients. A write goes to the range's replica. A read is answered from the applied state. After the state
// was read, a linearizable read is checked against ownership and lease (R11).

import { never } from '../common/base/assert.ts';
import { type Bytes, emptyBytes } from '../common/base/bytes.ts';
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
  ReadGuarantee,
  RequestBody,
  ScanReply,
  ScanRequest,
  WireReadMode,
  WriteRequest,
} from '../common/wire/messages.ts';
import { firstKeyOf } from '../common/wire/operation.ts';
import type { RangeHost } from './range/range-host.ts';
import type { ReplyTarget } from './range/waiting-writes.ts';
import { CorruptDataError } from './storage/data-errors.ts';
import type { ScanPage, Storage } from './storage/storage.ts';

export interface ClientServiceOptions {
  readonly env: Env;
  readonly storage: Storage;
  /** The host of the range; undefined if there is none that may serve. */
  host(range: RangeId): RangeHost | undefined;
  /** The answer to a request for a range without a host here. `key`: of the request, or where it begins; null: it has none. */
  refusal(range: RangeId, key: Bytes | null): ErrorReply;
  /** A write is about to be proposed to this host, so its replica must be asked at the end of the turn. */
  touched(host: RangeHost): void;
  status(): NodeStatus;
  /** Limit of concurrent scans, because each may hold a page in memory; default SCANS_MAX. */
  readonly scansMax?: number | undefined;
  /** See Scrub.check(). */
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

  serve(client: ReplyTarget, requestId: number, request: RequestBody): void {
    if (request.kind === 'status') {
      const json = encoder.encode(JSON.stringify(this.#options.status()));
      return client.reply(requestId, { kind: 'status-reply', json });
    }
    const host = this.#options.host(request.range);
    if (host === undefined || host.wiping) {
      return client.reply(requestId, this.#options.refusal(request.range, keyOf(request)));
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

  #check(host: RangeHost, client: ReplyTarget, requestId: number, request: CheckRequest): void {
    const result = this.#options.check(host, request);
    if (typeof result === 'string') {
      const text = `range ${host.range} cannot be checked here now`;
      return client.reply(requestId, host.refusal(result, text));
    }
    client.reply(requestId, { kind: 'check-reply', json: encoder.encode(JSON.stringify(result)) });
  }

  #write(host: RangeHost, client: ReplyTarget, requestId: number, request: WriteRequest): void {
    this.#options.touched(host);
    host.write(request, client, requestId, this.#options.env.now());
  }

  #get(host: RangeHost, client: ReplyTarget, requestId: number, request: GetRequest): void {
    if (!contains(host.meta, request.key)) {
      return client.reply(requestId, host.refusal('WRONG_RANGE', 'the key is outside the range'));
    }
    const row = this.#options.storage.get(host.meta.namespaceId, request.key);
    const refusal = refusalOfRead(host, request, host.appliedSeq);
    if (refusal !== null) return client.reply(requestId, refusal);
    host.load.countRead(request.key, request.key.length + (row?.value.length ?? 0));
    const guarantee = this.#guaranteeOf(host, request, host.appliedSeq);
    client.reply(requestId, {
      kind: 'get-reply',
      found: row !== undefined,
      value: row?.value ?? emptyBytes,
      revision: row?.revision ?? 0,
      // Field by field, because a spread costs more than the lookup of the row.
      epoch: guarantee.epoch,
      stale: guarantee.stale,
      staleMs: guarantee.staleMs,
      appliedSeq: guarantee.appliedSeq,
    });
  }

  async #scan(host: RangeHost, client: ReplyTarget, requestId: number, request: ScanRequest): Promise<void> {
    const tooMany = this.#scans >= (this.#options.scansMax ?? SCANS_MAX);
    const fault = tooMany
      ? host.refusal('OVERLOADED', 'too many concurrent scans')
      : scanFault(host, request);
    if (fault !== null) return client.reply(requestId, fault);
    this.#scans++;
    const bounds = intersect({ start: request.start, end: request.end }, host.meta);
    try {
      const page = await this.#options.storage.scan(host.meta.range, bounds, {
        limitRows: Math.min(request.limitRows, LIMITS.pageRowsMax),
        limitBytes: Math.min(request.limitBytes, LIMITS.pageBytesMax),
        reverse: request.reverse,
        valueBytesMax: request.keysOnly ? 0 : request.valueBytesMax,
        countOnly: request.countOnly,
      });
      client.reply(requestId, this.#scanReply(host, request, page));
    } catch (error) {
      // The storage has reported the damage and stops this node, so there is no answer.
      if (error instanceof CorruptDataError) return;
      // The replica was wiped or became void meanwhile. Any other error is a defect and ends the process.
      if (!(error instanceof RangekeeperError)) throw error;
      client.reply(requestId, replyFromError(error));
    } finally {
      this.#scans--;
    }
  }

  #scanReply(host: RangeHost, request: ScanRequest, page: ScanPage): ScanReply | ErrorReply {
    const refusal = refusalOfRead(host, request, page.applied);
    if (refusal !== null) return refusal;
    const { rows, count, bound } = page;
    host.load.countRead(contains(host.meta, request.start) ? request.start : host.meta.start, rows.length);
    const guarantee = this.#guaranteeOf(host, request, page.applied);
    return { kind: 'scan-reply', rows, count, bound, ...guarantee };
  }

  /** R11: what the read guarantees. To be called after the state was read, in the same turn. */
  #guaranteeOf(host: RangeHost, request: ReadRequest, appliedSeq: Seq): ReadGuarantee {
    const { replica } = host;
    if (request.mode === 'linearizable') {
      return { epoch: request.epoch, stale: false, staleMs: 0, appliedSeq };
    }
    const ownedEpoch = replica.ownedEpoch;
    const fresh = ownedEpoch !== null && replica.readRefusal(ownedEpoch) === null;
    const staleMs = fresh ? 0 : replica.staleMs(this.#options.env.now());
    return { epoch: replica.epochSeen, stale: !fresh, staleMs, appliedSeq };
  }
}

/** A key of the range that the request is for. Null: it names none, or cannot be decoded. */
function keyOf(request: Exclude<RequestBody, { kind: 'status' }>): Bytes | null {
  switch (request.kind) {
    case 'get':
      return request.key;
    case 'scan':
      return request.reverse ? null : request.start;
    case 'write':
      return firstKeyOf(request.operation);
    case 'check':
      return null;
  }
}

interface ReadRequest {
  readonly epoch: Epoch;
  readonly mode: WireReadMode;
  readonly minSeq: Seq;
}

/** R11: why the read is refused; null if it is not. To be called after the state was read, in the same turn. */
function refusalOfRead(
  host: RangeHost,
  { epoch, mode, minSeq }: ReadRequest,
  appliedSeq: Seq,
): ErrorReply | null {
  const { replica } = host;
  if (host.wiping) return host.refusal('NOT_OWNER', 'the replica is being removed');
  if (mode === 'linearizable') {
    const code = replica.readRefusal(epoch);
    return code === null ? null : host.unavailable(code, 'cannot be read');
  }
  if (!replica.isVoid && appliedSeq >= minSeq) return null;
  return host.refusal('BEHIND', `the replica is at seq ${appliedSeq}, the client has seen ${minSeq}`);
}

function scanFault(host: RangeHost, request: ScanRequest): ErrorReply | null {
  if (host.replica.isVoid) return host.refusal('BEHIND', 'the replica is installing a snapshot');
  const bounds = { start: request.start, end: request.end };
  if (isEmpty(bounds) || request.limitRows < 1 || request.limitBytes < 1) {
    return host.refusal('INVALID_ARGUMENT', 'empty bounds or limits');
  }
  // The end where the scan begins must be inside the range, because the page is complete from there on.
  const inside = request.reverse
    ? compareEnds(request.end, host.meta.end) <= 0 && !isEmpty(intersect(bounds, host.meta))
    : contains(host.meta, request.start);
  return inside ? null : host.refusal('WRONG_RANGE', 'the scan begins outside the range');
}
