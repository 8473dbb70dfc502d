// Asking a node about itself.

import { RangekeeperError } from '../base/errors.ts';
import type { NodeId } from '../model/ids.ts';
import type { NodeStatus } from '../model/status.ts';
import type { Peers } from '../net/peers.ts';

/** `deadline` is an instant of Env.now(). Rejects with UNREACHABLE, DEADLINE, OVERLOADED or MALFORMED. */
export async function askStatus(peers: Peers, node: NodeId, deadline: number): Promise<NodeStatus> {
  const json = await new Promise<string>((resolve, reject) => {
    peers.request(node, { kind: 'status' }, deadline, {
      replied: (body) => resolve(body.kind === 'status-reply' ? Buffer.from(body.json).toString() : ''),
      failed: (error) => reject(error.code === 'OUTCOME_UNKNOWN' ? unanswered(node, error) : error),
    });
  });
  try {
    return JSON.parse(json) as NodeStatus;
  } catch {
    throw new RangekeeperError('MALFORMED', `node ${node} told its status in no form that can be read`);
  }
}

function unanswered(node: NodeId, { message }: RangekeeperError): RangekeeperError {
  return new RangekeeperError('DEADLINE', `node ${node} did not answer: ${message}`);
}
