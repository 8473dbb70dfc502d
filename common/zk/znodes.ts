// Every znode in one table: path, encoding, who writes it, who watches it. No path is spelled anywhere else. Znodes hold
// JSON, so that people can read a cluster with any ZooKeeper tool; byte strings are in formatBytes' text form.
//
//   path                          written by                         watched by
//   /cluster                      first coordinator; leader (ids)    -
//   /coordinators/c-...           coordinators (ephemeral seq.)      coordinators, webserver
//   /coordinator-epoch            each new leader                    - (checked in every leader's multi)
//   /nodes/<id>                   the node; leader: mode, note       leader, clients, webserver, the node
//   /live/<id>                    the node (ephemeral)               leader, clients, nodes, webserver
//   /health/<id>                  the node (ephemeral)               leader
//   /generations/<id>             the node                           - (read by it before it registers)
//   /namespaces/<name>            leader                             leader, nodes, clients (children)
//   /namespaces/<name>/ranges/<id>  leader; owner: inSync, hand-over   leader, its replicas, clients that use it
//   /tasks/<uuid>                 client, then leader                leader, the client
//   /events/e-...                 leader, owners (sequential)        webserver

import { assert } from '../base/assert.ts';
import { formatBytes, parseBytes } from '../base/bytes.ts';
import { checkDescriptor, type Descriptor, type DescriptorImage, RANGE_STATES } from '../model/descriptor.ts';
import type { NodeId, RangeId } from '../model/ids.ts';
import type {
  ClusterRecord,
  CoordinatorEpochRecord,
  CoordinatorRecord,
  EventRecord,
  GenerationRecord,
  HealthRecord,
  LiveNode,
  LiveRecord,
  NamespaceRecord,
  NodeRecord,
  TaskRecord,
} from '../model/records.ts';
import type { ZkNode } from './store.ts';

export const paths = {
  cluster: '/cluster',
  coordinators: '/coordinators',
  /** The prefix of a sequential znode; the session's id is in it so that after a lost reply one's own can be told. */
  coordinatorPrefix: (session: string) => `/coordinators/c-${session}-`,
  coordinator: (name: string) => `/coordinators/${name}`,
  coordinatorEpoch: '/coordinator-epoch',
  nodes: '/nodes',
  node: (id: NodeId) => `/nodes/${id}`,
  lives: '/live',
  live: (id: NodeId) => `/live/${id}`,
  /** Apart from the live znodes, which every node and client watches: a cut changes what many nodes have to say at once. */
  healths: '/health',
  health: (id: NodeId) => `/health/${id}`,
  generations: '/generations',
  generation: (id: NodeId) => `/generations/${id}`,
  namespaces: '/namespaces',
  namespace: (name: string) => `/namespaces/${name}`,
  ranges: (namespace: string) => `/namespaces/${namespace}/ranges`,
  range: (namespace: string, id: RangeId) => `/namespaces/${namespace}/ranges/${rangeName(id)}`,
  tasks: '/tasks',
  task: (uuid: string) => `/tasks/${uuid}`,
  events: '/events',
  eventPrefix: '/events/e-',
  event: (name: string) => `/events/${name}`,
} as const;

/** The persistent skeleton, parents first. */
export const SKELETON: readonly string[] = [
  paths.coordinators,
  paths.nodes,
  paths.lives,
  paths.healths,
  paths.generations,
  paths.namespaces,
  paths.tasks,
  paths.events,
];

/** A range's znode name: its id, padded so that names sort as numbers. */
export function rangeName(id: RangeId): string {
  return String(id).padStart(10, '0');
}

/** The id in a range znode's name; null for a name that is not one. */
export function parseRangeName(name: string): RangeId | null {
  return /^[0-9]{10,15}$/.test(name) ? Number(name) : null;
}

/** The sequence number that ZooKeeper appended to a name. */
export function sequenceOf(name: string): number {
  return Number(name.slice(-10));
}

/** The session in the name of an election znode. */
export function sessionOfCoordinator(name: string): string {
  return name.slice(2, -11);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

function decodeJson<T>(data: Uint8Array): T {
  return JSON.parse(decoder.decode(data)) as T;
}

function jsonCodec<T>(): { encode(record: T): Uint8Array; decode(data: Uint8Array): T } {
  return { encode: encodeJson, decode: (data) => decodeJson<T>(data) };
}

export const clusterCodec = jsonCodec<ClusterRecord>();
export const coordinatorCodec = jsonCodec<CoordinatorRecord>();
export const coordinatorEpochCodec = jsonCodec<CoordinatorEpochRecord>();
export const nodeCodec = jsonCodec<NodeRecord>();
export const liveCodec = jsonCodec<LiveRecord>();
export const healthCodec = {
  encode: (record: HealthRecord): Uint8Array => encodeJson(record),
  /** Throws on what is no such record. */
  decode(data: Uint8Array): HealthRecord {
    const { unreachable, stuck, unfit } = decodeJson<HealthRecord>(data);
    assert(isListOf('string', unreachable), 'unreachable nodes are listed by id');
    assert(typeof stuck === 'object' && stuck !== null, 'stuck replicas are listed by node');
    for (const ranges of Object.values(stuck)) assert(isListOf('number', ranges), 'ranges are listed by id');
    assert(unfit === null || typeof unfit === 'string', 'why a node is unfit is a text');
    return { unreachable, stuck, unfit };
  },
};
export const generationCodec = {
  encode: (record: GenerationRecord): Uint8Array => encodeJson(record),
  /** Throws on bytes that are none. */
  decode(data: Uint8Array): GenerationRecord {
    const { generation, writer } = Object(decodeJson<unknown>(data));
    assert(Number.isSafeInteger(generation) && generation >= 1, 'a generation is a positive integer');
    assert(typeof writer === 'string', 'a generation has a writer');
    return { generation, writer };
  },
};
export const namespaceCodec = jsonCodec<NamespaceRecord>();
export const taskCodec = jsonCodec<TaskRecord>();
export const eventCodec = jsonCodec<EventRecord>();

function isListOf(type: 'string' | 'number', list: unknown): boolean {
  return Array.isArray(list) && list.every((one) => typeof one === type);
}

/** A live znode as a fact: the node, and the session that it lives in. */
export function decodeLive(id: NodeId, node: ZkNode): LiveNode {
  assert(node.ephemeralOwner !== null, 'a live znode is ephemeral');
  return { ...liveCodec.decode(node.data), id, session: node.ephemeralOwner };
}

interface DescriptorJson extends Omit<Descriptor, 'start' | 'end'> {
  readonly start: string;
  readonly end: string | null;
}

export const descriptorCodec = {
  encode(descriptor: Descriptor): Uint8Array {
    checkDescriptor(descriptor);
    const json: DescriptorJson = {
      ...descriptor,
      start: formatBytes(descriptor.start),
      end: descriptor.end === null ? null : formatBytes(descriptor.end),
    };
    return encodeJson(json);
  },
  /** Throws on bytes that are no descriptor, or one that the rules forbid. */
  decode(data: Uint8Array): Descriptor {
    const json = decodeJson<DescriptorJson>(data);
    assert(RANGE_STATES.includes(json.state), `unknown range state ${String(json.state)}`);
    const descriptor = {
      ...json,
      start: parseBytes(json.start),
      end: json.end === null ? null : parseBytes(json.end),
    };
    checkDescriptor(descriptor);
    return descriptor;
  },
  image(node: Pick<ZkNode, 'data' | 'version'>): DescriptorImage {
    return { descriptor: descriptorCodec.decode(node.data), version: node.version };
  },
};
