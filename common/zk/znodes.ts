// All znodes in one table: path, encoding, writers and watchers. No other file spells a path. Znodes hold JSON, so that people can
// read them with any ZooKeeper tool; byte strings are in the text form of formatBytes. Decoders check every field
// (record-readers.ts) and throw only BadDataError. A process that cannot decode a znode logs that and goes on with the former
// value.
//
//   path                          written by                         watched by
//   /cluster                      first coordinator; leader (ids)    leader, webserver, a node until it has joined
//   /coordinators/c-...           coordinators (ephemeral seq.)      coordinators, webserver
//   /coordinator-epoch            each new leader                    - (checked in every leader's multi)
//   /nodes/<id>                   the node; leader: mode, note;      leader, clients, webserver, the node
//                                   its disk's next id: mode `gone`
//   /live/<id>                    the node (ephemeral)               leader, clients, nodes, webserver
//   /health/<id>                  the node (ephemeral)               leader
//   /loads/<id>                   the node (ephemeral)               leader, webserver
//   /generations/<id>             the node                           - (read by it before it registers)
//   /namespaces/<name>            leader                             leader, webserver; nodes (list of names)
//   /namespaces/<name>/ranges/<id>  leader; owner: inSync, hand-over   leader, its replicas, clients that use it, webserver;
//                                                                    nodes and clients (list of names)
//   /tasks/<uuid>                 client, then leader                leader, the client, webserver
//   /events/e-...                 leader, owners (sequential)        webserver
//   /rebuilding                   a node that gives up its data (ephemeral)   -

import { formatBytes } from '../base/bytes.ts';
import { checkDescriptor, type Descriptor, type DescriptorImage } from '../model/descriptor.ts';
import { BadDataError, Field } from '../model/fields.ts';
import type { NodeId, RangeId } from '../model/ids.ts';
import type { LiveNode, NamespaceRecord, NodeRecord } from '../model/records.ts';
import { readLoad } from './load-reader.ts';
import {
  readCluster,
  readCoordinator,
  readCoordinatorEpoch,
  readDescriptor,
  readEvent,
  readGeneration,
  readHealth,
  readLive,
  readNamespace,
  readNode,
  readTask,
} from './record-readers.ts';
import type { ZkNode } from './store.ts';

export const paths = {
  cluster: '/cluster',
  coordinators: '/coordinators',
  /** The prefix of a sequential znode. It contains the session's id, so that a session finds its own znode after a lost reply. */
  coordinatorPrefix: (session: string) => `/coordinators/c-${session}-`,
  coordinator: (name: string) => `/coordinators/${name}`,
  coordinatorEpoch: '/coordinator-epoch',
  nodes: '/nodes',
  node: (id: NodeId) => `/nodes/${id}`,
  lives: '/live',
  live: (id: NodeId) => `/live/${id}`,
  /**
   * Not part of the live znodes, because every node and client watches those, and after a network failure many nodes report at
   * once.
   */
  healths: '/health',
  health: (id: NodeId) => `/health/${id}`,
  /** Apart from the health reports, because these change all the time. */
  loads: '/loads',
  load: (id: NodeId) => `/loads/${id}`,
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
  rebuilding: '/rebuilding',
} as const;

/** The persistent znodes that every cluster has, parents first. */
export const SKELETON: readonly string[] = [
  paths.coordinators,
  paths.nodes,
  paths.lives,
  paths.healths,
  paths.loads,
  paths.generations,
  paths.namespaces,
  paths.tasks,
  paths.events,
];

/** The name of a range's znode: its id, padded so that names sort as the numbers do. */
export function rangeName(id: RangeId): string {
  return String(id).padStart(10, '0');
}

/** The id in the name of a range's znode; null: it is not such a name. */
export function parseRangeName(name: string): RangeId | null {
  return /^[0-9]{10,15}$/.test(name) ? Number(name) : null;
}

const SEQUENTIAL_NAME = /^[ce]-(?:.*-)?([0-9]{10})$/;

/** Those of the names in `/coordinators` or `/events` that are sequential, in the order in which they were made. */
export function inSequence(names: readonly string[]): readonly string[] {
  return names.filter((name) => SEQUENTIAL_NAME.test(name)).sort((a, b) => sequenceOf(a) - sequenceOf(b));
}

/** The sequence number that ZooKeeper appended to a name of {@link inSequence}. */
export function sequenceOf(name: string): number {
  return Number(name.slice(-10));
}

/** The session in the name of an election znode. */
export function sessionOfCoordinator(name: string): string {
  return name.slice(2, -11);
}

interface Codec<T> {
  encode(record: T): Uint8Array;
  /** Throws BadDataError. */
  decode(data: Uint8Array): T;
}

const encoder = new TextEncoder();

function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value, bytesAsText));
}

/** Asks the holder for the value, because a Buffer has become an object by now. */
function bytesAsText(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const held = this[key];
  return held instanceof Uint8Array ? formatBytes(held) : value;
}

function codec<T>(read: (field: Field) => T): Codec<T> {
  return { encode: encodeJson, decode: (data) => read(Field.parse(data)) };
}

export const clusterCodec = codec(readCluster);
export const coordinatorCodec = codec(readCoordinator);
export const coordinatorEpochCodec = codec(readCoordinatorEpoch);
export const nodeCodec = codec(readNode);
export const liveCodec = codec(readLive);
export const healthCodec = codec(readHealth);
export const loadCodec = codec(readLoad);
export const generationCodec = codec(readGeneration);
export const namespaceCodec = codec(readNamespace);
export const taskCodec = codec(readTask);
export const eventCodec = codec(readEvent);

/** The node's record under its own path. Throws BadDataError. */
export function decodeNode(id: NodeId, node: ZkNode): NodeRecord {
  const record = nodeCodec.decode(node.data);
  if (record.id !== id) throw new BadDataError(`the record is of node ${record.id}`);
  return record;
}

/** The namespace's record under its own path. Throws BadDataError. */
export function decodeNamespace(name: string, node: ZkNode): NamespaceRecord {
  const record = namespaceCodec.decode(node.data);
  if (record.name !== name) throw new BadDataError(`the record is of namespace ${record.name}`);
  return record;
}

/**
 * The node of a live znode; null if the znode is persistent, as no session stands behind it. If the data cannot be decoded, the node
 * lives all the same (R7), without an address. Never throws.
 */
export function decodeLive(id: NodeId, node: ZkNode): LiveNode | null {
  const session = node.ephemeralOwner;
  if (session === null) return null;
  try {
    return { ...liveCodec.decode(node.data), id, session };
  } catch (error) {
    if (!(error instanceof BadDataError)) throw error;
    return { id, session, name: id, address: null, startedAt: 0, version: '' };
  }
}

export const descriptorCodec = {
  encode(descriptor: Descriptor): Uint8Array {
    checkDescriptor(descriptor);
    return encodeJson(descriptor);
  },
  /** Throws BadDataError if it is not a descriptor, or one that the rules forbid. */
  decode(data: Uint8Array): Descriptor {
    return readDescriptor(Field.parse(data));
  },
  /** As {@link descriptorCodec.decode}. */
  image(node: Pick<ZkNode, 'data' | 'version'>): DescriptorImage {
    return { descriptor: descriptorCodec.decode(node.data), version: node.version };
  },
};

/** The range's image under its own path. Throws BadDataError. */
export function decodeImage(namespace: string, id: RangeId, node: ZkNode): DescriptorImage {
  const image = descriptorCodec.image(node);
  const { descriptor } = image;
  if (descriptor.id !== id || descriptor.namespace !== namespace)
    throw new BadDataError(`the descriptor is of range ${descriptor.id} in ${descriptor.namespace}`);
  return image;
}
