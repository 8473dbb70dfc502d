// What an administrator has asked for, in the words of the REPL's verbs.

import { never } from '../base/assert.ts';
import type { TaskRequest } from './records.ts';

/** @param request null: what was asked could not be read */
export function requestText(request: TaskRequest | null): string {
  if (request === null) return 'a request that cannot be read';
  switch (request.kind) {
    case 'create-namespace':
      return `namespace create ${request.name}`;
    case 'alter-namespace':
      return `namespace alter ${request.name}`;
    case 'drop-namespace':
      return `namespace drop ${request.name}`;
    case 'split':
      return `split ${request.keys.join(' ')} in ${request.namespace}`;
    case 'merge':
      return `merge ${request.key} in ${request.namespace}`;
    case 'move':
      return `move ${request.range} ${request.from} ${request.to}`;
    case 'transfer':
      return `transfer ${request.range} ${request.to}`;
    case 'isolate':
      return `isolate range ${request.range}${onNode(request.node)}`;
    case 'isolate-key':
      return `isolate ${request.key} in ${request.namespace}${onNode(request.node)}`;
    case 'pin':
      return `${request.pinned ? 'pin' : 'unpin'} ${request.range}`;
    case 'rebalance':
      return 'rebalance';
    case 'cancel':
      return `cancel ${request.task}`;
    case 'raise-epochs':
      return 'raise-epochs';
    case 'set-node-mode':
      return `mode ${request.mode} of ${request.node}`;
    case 'drain':
    case 'undrain':
    case 'decommission':
      return `${request.kind} ${request.node}`;
    case 'forget-node':
      return `forget ${request.node}`;
    default:
      return never(request);
  }
}

function onNode(node: string | null): string {
  return node === null ? '' : ` on ${node}`;
}
