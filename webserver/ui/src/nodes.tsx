// The table of nodes: their state, their ranges, and what they use.

import { formatDuration } from '../../../common/base/duration.ts';
import { type NodeFacts, nodeRemarks } from '../../../common/model/node-remarks.ts';
import type { NodeRow } from '../../feed.ts';
import { formatMoment, formatMs, formatSize, plural } from './format.ts';
import type { Names } from './names.ts';
import { NodeName } from './node-name.tsx';

interface NodesProps {
  readonly nodes: readonly NodeRow[];
  readonly names: Names;
  readonly now: number;
}

export function Nodes({ nodes, names, now }: NodesProps) {
  const alive = nodes.filter((node) => node.alive).length;
  return (
    <section class="card" aria-labelledby="nodes">
      <div class="card-head">
        <h2 id="nodes">Nodes</h2>
        <small>
          {alive} of {nodes.length} live
        </small>
      </div>
      {nodes.length === 0 ? (
        <p class="empty">No node has joined yet.</p>
      ) : (
        <table class="nodes">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">State</th>
              <th scope="col">Zone</th>
              <th scope="col">Address</th>
              <th scope="col" class="number">
                Owns
              </th>
              <th scope="col" class="number">
                Holds
              </th>
              <th scope="col" class="number">
                Lease
              </th>
              <th scope="col" class="number">
                Log
              </th>
              <th scope="col" class="number">
                Memory
              </th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <NodeLine key={node.id} node={node} nodes={nodes} names={names} now={now} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function NodeLine({ node, nodes, names, now }: NodesProps & { readonly node: NodeRow }) {
  const remarks = nodeRemarks(factsOf(node), nodes.map(factsOf), now);
  return (
    <tr class={node.alive ? '' : 'down'} data-node={node.id}>
      <th scope="row">
        <NodeName node={node.id} names={names} />
        {node.conflicts.length > 0 && (
          <small class="warn" title={node.conflicts.join('\n')}>
            {plural(node.conflicts.length, 'conflict')}: {node.conflicts[0]}
          </small>
        )}
        {node.orphans.length > 0 && (
          <small
            class="warn"
            title={`Ranges on its disk that ZooKeeper does not know: ${node.orphans.join(', ')}`}
          >
            {plural(node.orphans.length, 'orphan')}
          </small>
        )}
      </th>
      <td data-label="State">
        <NodeState node={node} now={now} />
        {remarks.map((remark) => (
          <small key={remark} class="warn remark">
            {remark}
          </small>
        ))}
      </td>
      <td data-label="Zone">{node.zone}</td>
      <td data-label="Address">
        <code>{node.address ?? '–'}</code>
      </td>
      <td data-label="Owns" class="number">
        {node.owned}
      </td>
      <td data-label="Holds" class="number">
        {node.held}
      </td>
      <td data-label="Lease" class="number">
        {node.leaseMs === null ? '–' : node.leaseMs === 0 ? 'lapsed' : formatMs(node.leaseMs)}
      </td>
      <td data-label="Log" class="number">
        {node.logBytes === null ? '–' : formatSize(node.logBytes)}
      </td>
      <td data-label="Memory" class="number">
        {node.memoryBytes === null ? '–' : formatSize(node.memoryBytes)}
      </td>
    </tr>
  );
}

function factsOf({ id, name, alive, standing, unreachable, stuck }: NodeRow): NodeFacts {
  return { id, name, alive, standing, unreachable, stuck };
}

function NodeState({ node, now }: { node: NodeRow; now: number }) {
  const mode = node.mode === 'active' ? '' : ` · ${node.mode}`;
  if (!node.alive) {
    const since = node.goneSince === null ? '' : ` for ${formatDuration(now - node.goneSince)}`;
    return (
      <span class="state bad">
        down{since}
        {mode}
      </span>
    );
  }
  if (node.silentSince !== null)
    return (
      <span class="state warn">
        no answer for {formatDuration(now - node.silentSince)}
        {mode}
      </span>
    );
  return (
    <span class="state good" title={node.startedAt === null ? '' : `Started ${formatMoment(node.startedAt)}`}>
      up {node.startedAt !== null && formatDuration(now - node.startedAt)}
      {mode}
    </span>
  );
}
