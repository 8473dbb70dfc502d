// Decodes the records in znodes, field by field. A record that is returned has the right types and keeps its bounds; otherwise
// BadDataError is thrown. Znodes may be written by processes of other versions, by administrators and by anybody who can connect to
// ZooKeeper.

import { isReachable, readAddress } from '../model/address.ts';
import { LIMITS } from '../model/config.ts';
import {
  type Descriptor,
  descriptorFault,
  FREE_PLACEMENT,
  type Placement,
  RANGE_STATES,
} from '../model/descriptor.ts';
import { BadDataError, type Field, UnknownFormatError } from '../model/fields.ts';
import type { NodeId, Position, RangeId, ReplicaRef } from '../model/ids.ts';
import {
  type ClusterRecord,
  type CoordinatorEpochRecord,
  type CoordinatorRecord,
  type EventRecord,
  type GenerationRecord,
  type HealthRecord,
  type LiveRecord,
  type NamespaceRecord,
  type NeededInc,
  NODE_MODES,
  type NodeNote,
  type NodeRecord,
  type NodeReport,
  type ReplicaReport,
  STANDINGS,
  TASK_KINDS,
  TASK_STATES,
  type TaskRecord,
  type TaskRequest,
} from '../model/records.ts';
import {
  CHILDREN_MAX,
  LINEAGE_MAX,
  type Parent,
  type Replacement,
  type ReshapeRequest,
} from '../model/replacement.ts';
import { namespaceNameFault } from '../model/requested-namespace.ts';

/** The format of all znodes, which `/cluster` names. */
export const FORMAT = 1;

const TICK_MS_MAX = 3_600_000;
const PID_MAX = 2 ** 32;
const CAPACITY_MAX = 1e6;
/** Replicas of one range. More than the highest replication factor, a move and a replacement add up to. */
const REPLICAS_MAX = 64;
/** Nodes named in one record. */
const NODES_MAX = 10_000;
/** Ranges named in one record. */
const RANGES_MAX = 100_000;
/** Steps of a task that are shown. */
const STEPS_MAX = 1_000;
/** Characters of a sentence for people, such as an event or a task's progress. */
const SENTENCE_MAX = 8_192;

export function readCluster(field: Field): ClusterRecord {
  const format = field.get('format').integer();
  if (format !== FORMAT)
    throw new UnknownFormatError(
      `the cluster has format ${format}, and this version supports ${FORMAT} only`,
    );
  return {
    format,
    clusterId: field.get('clusterId').id(),
    nextNamespaceId: field.get('nextNamespaceId').integer(1, LIMITS.namespaceIdMax - LIMITS.idsLeftMin),
    nextRangeId: field.get('nextRangeId').integer(1, LIMITS.rangeIdMax - LIMITS.idsLeftMin),
    tickMs: field.get('tickMs').orNull((tick) => tick.integer(1, TICK_MS_MAX)),
  };
}

export function readCoordinator(field: Field): CoordinatorRecord {
  return {
    host: field.get('host').line(),
    pid: field.get('pid').integer(0, PID_MAX),
    address: readReachable(field.get('address')),
  };
}

export function readCoordinatorEpoch(field: Field): CoordinatorEpochRecord {
  return { term: field.get('term').integer(), leader: field.get('leader').orNull((leader) => leader.id()) };
}

export function readNode(field: Field): NodeRecord {
  const capacity = field.get('capacity').amount();
  if (capacity > CAPACITY_MAX) throw field.get('capacity').bad(`more than ${CAPACITY_MAX}`);
  return {
    id: field.get('id').id(),
    name: field.get('name').line(),
    zone: field.get('zone').line(),
    ...optional(
      'machine',
      field.get('machine').orNull((machine) => machine.line()),
    ),
    capacity,
    mode: field.get('mode').word(NODE_MODES),
    ...optional('noted', field.get('noted').orNull(readNote)),
  };
}

function readNote(field: Field): NodeNote {
  return {
    downSince: field.get('downSince').orNull((at) => at.time()),
    unreachable: field.get('unreachable').orNull((unreachable) => ({
      by: unreachable.get('by').list(NODES_MAX, (node) => node.id()),
      since: unreachable.get('since').time(),
      cutOff: unreachable.get('cutOff').flag(),
    })),
    stuckIn: field.get('stuckIn').orNull((session) => session.id()),
  };
}

export function readHealth(field: Field): HealthRecord {
  return {
    unreachable: field.get('unreachable').list(NODES_MAX, (node) => node.id()),
    stuck: field
      .get('stuck')
      .byId(NODES_MAX, (ranges) => ranges.list(RANGES_MAX, (id) => id.integer(1, LIMITS.rangeIdMax))),
    unhealthy: field.get('unhealthy').orNull((reason) => reason.text(SENTENCE_MAX)),
    ...optional(
      'neededIncs',
      field.get('neededIncs').orNull((needed) => needed.list(RANGES_MAX, readNeededInc)),
    ),
  };
}

function readNeededInc(field: Field): NeededInc {
  return {
    range: field.get('range').integer(1, LIMITS.rangeIdMax),
    inc: field.get('inc').integer(1),
  };
}

export function readLive(field: Field): LiveRecord {
  return {
    name: field.get('name').line(),
    address: readReachable(field.get('address')),
    startedAt: field.get('startedAt').time(),
    version: field.get('version').line(),
    ...optional(
      'standing',
      field.get('standing').orNull((standing) => standing.word(STANDINGS)),
    ),
  };
}

export function readGeneration(field: Field): GenerationRecord {
  return { generation: field.get('generation').integer(1), writer: field.get('writer').id() };
}

export function readNamespace(field: Field): NamespaceRecord {
  const replicationFactor = field.get('replicationFactor').integer(1, LIMITS.replicationFactorMax);
  return {
    name: readNamespaceName(field.get('name')),
    id: field.get('id').integer(1, LIMITS.namespaceIdMax),
    replicationFactor,
    minInSync: field.get('minInSync').integer(1, replicationFactor),
    ...optional(
      'splitBytes',
      field.get('splitBytes').orNull((bytes) => bytes.integer(1)),
    ),
    ...optional(
      'unit',
      field.get('unit').orNull((unit) => unit.bytes(LIMITS.keyBytesMax)),
    ),
  };
}

export function readEvent(field: Field): EventRecord {
  return {
    at: field.get('at').time(),
    by: field.get('by').line(),
    kind: field.get('kind').line(),
    text: field.get('text').text(SENTENCE_MAX),
    ...optional(
      'range',
      field.get('range').orNull((id) => id.integer(1, LIMITS.rangeIdMax)),
    ),
    ...optional(
      'node',
      field.get('node').orNull((id) => id.id()),
    ),
    ...optional(
      'epoch',
      field.get('epoch').orNull((number) => number.integer()),
    ),
  };
}

export function readTask(field: Field): TaskRecord {
  return {
    request: field.get('request').orNull(readRequest),
    state: field.get('state').word(TASK_STATES),
    progress: field.get('progress').text(SENTENCE_MAX),
    createdAt: field.get('createdAt').time(),
    ...optional(
      'children',
      field.get('children').orNull((children) => children.list(CHILDREN_MAX, readRangeId)),
    ),
    ...optional(
      'dryRun',
      field.get('dryRun').orNull((dryRun) => dryRun.flag()),
    ),
    ...optional(
      'steps',
      field.get('steps').orNull((steps) => steps.list(STEPS_MAX, (step) => step.text(SENTENCE_MAX))),
    ),
  };
}

/** Checks types and sizes only. Whether the request can be met, the planner decides (coordinator/plan/tasks.ts). */
function readRequest(field: Field): TaskRequest {
  const kind = field.get('kind').word(TASK_KINDS);
  switch (kind) {
    case 'create-namespace':
    case 'alter-namespace':
    case 'drop-namespace':
      return readNamespaceRequest(field, kind);
    case 'split':
      return {
        kind,
        namespace: field.get('namespace').line(),
        keys: field.get('keys').list(CHILDREN_MAX, readKeyText),
      };
    case 'merge':
      return { kind, namespace: field.get('namespace').line(), key: readKeyText(field.get('key')) };
    case 'transfer':
      return { kind, range: field.get('range').integer(), to: field.get('to').id() };
    case 'move':
      return {
        kind,
        range: field.get('range').integer(),
        from: field.get('from').id(),
        to: field.get('to').id(),
      };
    case 'isolate':
      return { kind, range: field.get('range').integer(), node: readNodeOrNull(field) };
    case 'isolate-key': {
      const key = readKeyText(field.get('key'));
      return { kind, namespace: field.get('namespace').line(), key, node: readNodeOrNull(field) };
    }
    case 'pin':
      return { kind, range: field.get('range').integer(), pinned: field.get('pinned').flag() };
    case 'rebalance':
      return { kind };
    case 'cancel':
      return { kind, task: field.get('task').id() };
    case 'raise-epochs':
      return {
        kind,
        reports: field.get('reports').list(NODES_MAX, readNodeReport),
        force: field.get('force').flag(),
      };
    case 'set-node-mode':
      return { kind, node: field.get('node').id(), mode: field.get('mode').word(NODE_MODES) };
    case 'drain':
    case 'undrain':
    case 'decommission':
    case 'forget-node':
      return { kind, node: field.get('node').id() };
  }
}

function readNamespaceRequest(
  field: Field,
  kind: 'create-namespace' | 'alter-namespace' | 'drop-namespace',
): TaskRequest {
  const name = field.get('name').line();
  if (kind === 'drop-namespace') return { kind, name };
  const replicationFactor = field.get('replicationFactor').orNull((number) => number.integer());
  const minInSync = field.get('minInSync').orNull((number) => number.integer());
  const sizes = {
    ...optional(
      'splitBytes',
      field.get('splitBytes').orNull((bytes) => bytes.integer()),
    ),
    ...optional('unit', field.get('unit').orNull(readKeyText)),
  };
  if (kind === 'alter-namespace')
    return {
      ...{ kind, name, ...sizes },
      ...optional('replicationFactor', replicationFactor),
      ...optional('minInSync', minInSync),
    };
  const splitAt = field
    .get('splitAt')
    .orNull((list) => list.list(LIMITS.rangesPerNamespaceCreated, readKeyText));
  return { kind, name, replicationFactor, minInSync, splitAt, ...sizes };
}

function readKeyText(field: Field): string {
  return field.text(4 * LIMITS.keyBytesMax);
}

function readNodeOrNull(field: Field): NodeId | null {
  return field.get('node').orNull((node) => node.id());
}

export function readDescriptor(field: Field): Descriptor {
  const descriptor: Descriptor = {
    namespace: readNamespaceName(field.get('namespace')),
    namespaceId: field.get('namespaceId').integer(1, LIMITS.namespaceIdMax),
    id: field.get('id').integer(1, LIMITS.rangeIdMax),
    start: field.get('start').bytes(LIMITS.keyBytesMax),
    end: field.get('end').orNull((end) => end.bytes(LIMITS.keyBytesMax)),
    epoch: field.get('epoch').integer(1),
    owner: { ...readReplica(field.get('owner')), session: field.get('owner').get('session').id() },
    replicas: field.get('replicas').list(REPLICAS_MAX, readReplica),
    inSync: field.get('inSync').list(REPLICAS_MAX, (node) => node.id()),
    minInSync: field.get('minInSync').integer(1),
    state: field.get('state').word(RANGE_STATES),
    nextInc: field.get('nextInc').integer(1),
    base: readPosition(field.get('base')),
    parents: field.get('parents').orNull((parents) => parents.list(LINEAGE_MAX, readParent)) ?? [],
    reshape: field.get('reshape').orNull(readReshape),
    replacement: field.get('replacement').orNull(readReplacement),
    placement: field.get('placement').orNull(readPlacement) ?? FREE_PLACEMENT,
    transferTo: field.get('transferTo').orNull((node) => node.id()),
    retire: field.get('retire').orNull((node) => node.id()),
  };
  const fault = descriptorFault(descriptor);
  if (fault !== null) throw new BadDataError(`the descriptor breaks a rule: ${fault}`);
  return descriptor;
}

/** An optional field, which is absent if the value is null. */
function optional<K extends string, V>(name: K, value: V | null): { readonly [name in K]?: V } {
  return value === null ? {} : ({ [name]: value } as { readonly [name in K]?: V });
}

function readNodeReport(field: Field): NodeReport {
  return {
    node: field.get('node').id(),
    session: field.get('session').orNull((session) => session.id()),
    replicas: field.get('replicas').list(RANGES_MAX, readReplicaReport),
  };
}

function readReplicaReport(field: Field): ReplicaReport {
  return {
    range: field.get('range').integer(1, LIMITS.rangeIdMax),
    inc: field.get('inc').integer(1),
    epochSeen: field.get('epochSeen').integer(),
    lastEpoch: field.get('lastEpoch').integer(),
    lastSeq: field.get('lastSeq').integer(),
    role: field.get('role').word(['owner', 'holds', 'void']),
  };
}

function readReshape(field: Field): ReshapeRequest {
  return {
    children: field.get('children').list(CHILDREN_MAX, readRangeId),
    cuts: field.get('cuts').list(CHILDREN_MAX, (cut) => cut.bytes(LIMITS.keyBytesMax)),
    partner: field.get('partner').orNull(readRangeId),
    byHand: field.get('byHand').flag(),
    reason: field.get('reason').text(SENTENCE_MAX),
  };
}

function readReplacement(field: Field): Replacement {
  return {
    parents: field.get('parents').list(CHILDREN_MAX, (parent) => ({
      ...readParent(parent),
      replicas: parent.get('replicas').list(REPLICAS_MAX, readReplica),
    })),
    children: field.get('children').list(CHILDREN_MAX, (child) => ({
      id: readRangeId(child.get('id')),
      start: child.get('start').bytes(LIMITS.keyBytesMax),
      end: child.get('end').orNull((end) => end.bytes(LIMITS.keyBytesMax)),
    })),
  };
}

function readParent(field: Field): Parent {
  return { range: readRangeId(field.get('range')), final: readPosition(field.get('final')) };
}

function readPlacement(field: Field): Placement {
  return {
    pinned: field.get('pinned').flag(),
    startByHand: field.get('startByHand').flag(),
    isolated: field.get('isolated').flag(),
    home: field.get('home').orNull((node) => node.id()),
  };
}

function readRangeId(field: Field): RangeId {
  return field.integer(1, LIMITS.rangeIdMax);
}

function readReplica(field: Field): ReplicaRef {
  return { node: field.get('node').id(), inc: field.get('inc').integer(1) };
}

function readPosition(field: Field): Position {
  return { epoch: field.get('epoch').integer(), seq: field.get('seq').integer() };
}

function readNamespaceName(field: Field): string {
  const name = field.text(LIMITS.namespaceNameMax);
  if (namespaceNameFault(name) !== null) throw field.bad('no name of a namespace');
  return name;
}

/** An address to which others can connect. */
function readReachable(field: Field): string {
  const text = field.line();
  const address = readAddress(text, null);
  if (address === null || !isReachable(address)) throw field.bad('no host:port to which others can connect');
  return text;
}
