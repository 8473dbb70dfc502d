// Descriptors of adjacent ranges of one namespace, as they are right after their creation on three nodes.

import { toBytes } from '../../common/base/bytes.ts';
import { type Descriptor, FRESH_RANGE } from '../../common/model/descriptor.ts';

export const PLAIN_NODES = ['n-1', 'n-2', 'n-3'];

/** The range with this id (1 or more), owned by n-1 in session `s-1`. */
export function plainRange(id: number): Descriptor {
  const key = (at: number) => toBytes(String(at).padStart(4, '0'));
  return {
    namespace: 'default',
    namespaceId: 1,
    id,
    start: key(id),
    end: key(id + 1),
    epoch: 1,
    owner: { node: 'n-1', session: 's-1', inc: 1 },
    replicas: PLAIN_NODES.map((node) => ({ node, inc: 1 })),
    inSync: PLAIN_NODES,
    minInSync: 2,
    state: 'serving',
    nextInc: 2,
    ...FRESH_RANGE,
    base: { epoch: 0, seq: 0 },
    transferTo: null,
    retire: null,
  };
}
