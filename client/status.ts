// Asks a node for its status.

import { type Bytes, emptyBytes } from '../common/base/bytes.ts';
import { Failure, RangekeeperError } from '../common/base/errors.ts';
import { BadDataError } from '../common/model/fields.ts';
import type { NodeId } from '../common/model/ids.ts';
import { decodeStatus, type NodeStatus } from '../common/model/status.ts';
import type { Peers } from '../common/net/peers.ts';
import { rejection } from './rejection.ts';

/** Rejects with UNREACHABLE, DEADLINE, OVERLOADED or MALFORMED. @param deadline an instant of Env.now() */
export async function askStatus(peers: Peers, node: NodeId, deadline: number): Promise<NodeStatus> {
  const json = await new Promise<Bytes>((resolve) => {
    peers.request(node, { kind: 'status' }, deadline, {
      replied: (body) => resolve(body.kind === 'status-reply' ? new Uint8Array(body.json) : emptyBytes),
      failed: (failure) => {
        const isUnknown = failure.code === 'OUTCOME_UNKNOWN';
        resolve(rejection(isUnknown ? unanswered(node, failure) : failure));
      },
    });
  });
  try {
    return decodeStatus(json);
  } catch (error) {
    if (!(error instanceof BadDataError)) throw error;
    throw new RangekeeperError('MALFORMED', `the status of node ${node} cannot be decoded: ${error.message}`);
  }
}

function unanswered(node: NodeId, { message }: Failure): Failure {
  return new Failure('DEADLINE', `node ${node} did not answer: ${message}`);
}
