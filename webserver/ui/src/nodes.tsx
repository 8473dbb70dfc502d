// The table of nodes: their state, their ranges, and what they use.

import { useRef, useState } from 'preact/hooks';
import { formatDuration } from '../../../common/base/duration.ts';
import { type NodeFacts, nodeRemarks } from '../../../common/model/node-remarks.ts';
import type { NodeRow } from '../../feed.ts';
import { formatMoment, formatMs, formatSize, plural } from './format.ts';
import { NodeName } from './node-name.tsx';
import { type RequestContext, RequestForm } from './request-form.tsx';

interface NodesProps {
  readonly nodes: readonly NodeRow[];
  readonly context: RequestContext;
  readonly now: number;
}

export function Nodes({ nodes, context, now }: NodesProps) {
  const [rebalancing, setRebalancing] = useState(false);
  const rebalance = useRef<HTMLButtonElement>(null);
  const alive = nodes.filter((node) => node.alive).length;
  return (
    <section class="card" aria-labelledby="nodes">
      <div class="card-head">
        <h2 id="nodes">Nodes</h2>
        <small>
          {alive} of {nodes.length} live
        </small>
        <button
          type="button"
          ref={rebalance}
          aria-expanded={rebalancing}
          onClick={() => setRebalancing(!rebalancing)}
        >
          Rebalance…
        </button>
      </div>
      {rebalancing && (
        <RequestForm
          context={context}
          title="Move ranges until the load is even"
          verb="Rebalance"
          request={{ kind: 'rebalance' }}
          close={() => {
            setRebalancing(false);
            rebalance.current?.focus();
          }}
        />
      )}
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
                Load
              </th>
              <th scope="col" class="number">
                Data
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
              <td />
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <NodeLine key={node.id} node={node} nodes={nodes} context={context} now={now} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function NodeLine({ node, nodes, context, now }: NodesProps & { readonly node: NodeRow }) {
  const [asking, setAsking] = useState<'drain' | 'undrain' | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const remarks = nodeRemarks(factsOf(node), nodes.map(factsOf), now);
  const { names } = context;
  const drains = node.mode === 'draining';
  return (
    <>
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
        <td data-label="Load" class="number" title="Its part of what all ranges take from their owners">
          {node.loadShare === null ? '–' : `${Math.round(node.loadShare * 100)} %`}
        </td>
        <td data-label="Data" class="number" title="Keys and values of its replicas, about">
          {node.bytes === null ? '–' : formatSize(node.bytes)}
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
        <td class="number">
          {node.mode !== 'gone' && (
            <button
              type="button"
              ref={button}
              aria-expanded={asking !== null}
              aria-label={`${drains ? 'Undrain…' : 'Drain…'} ${node.name}`}
              onClick={() => setAsking(asking === null ? (drains ? 'undrain' : 'drain') : null)}
            >
              {drains ? 'Undrain…' : 'Drain…'}
            </button>
          )}
        </td>
      </tr>
      {asking !== null && (
        <tr class="asking">
          <td colSpan={COLUMNS}>
            <RequestForm
              context={context}
              title={
                asking === 'drain' ? `Move everything off ${node.name}` : `Let ${node.name} have ranges again`
              }
              verb={asking === 'drain' ? 'Drain' : 'Undrain'}
              request={{ kind: asking, node: node.id }}
              close={() => {
                setAsking(null);
                button.current?.focus();
              }}
            />
          </td>
        </tr>
      )}
    </>
  );
}

const COLUMNS = 12;

function factsOf({ id, name, alive, standing, unreachable, stuck }: NodeRow): NodeFacts {
  return { id, name, alive, standing, unreachable, stuck };
}

function NodeState({ node, now }: { node: NodeRow; now: number }) {
  const mode =
    node.mode === 'active' ? '' : ` · ${node.mode}${node.safeToSwitchOff ? ', safe to switch off' : ''}`;
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
