// A node's name, with a dot in its colour.

import type { NodeId } from '../../../common/model/ids.ts';
import type { Names } from './names.ts';

export function NodeName({ node, names }: { node: NodeId; names: Names }) {
  return (
    <span class={`node-name ${names.colour(node)} ${names.alive(node) ? '' : 'gone'}`} title={node}>
      <span class="dot" aria-hidden="true" />
      {names.of(node)}
    </span>
  );
}
