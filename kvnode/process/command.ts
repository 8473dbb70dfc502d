// The command line of `rangekeeper kvnode`. Its guardian and its node process both read it.

import { DEFAULT_CONNECTION_LIMITS, DEFAULT_SESSION } from '../../common/model/config.ts';
import {
  address,
  advertised,
  byteSize,
  type Command,
  checkAdvertised,
  integer,
  logLevelFlag,
  type ParsedFlags,
  readFlags,
  sessionFlag,
  text,
  toggle,
  ZK_FLAG,
} from '../../common/process/flags.ts';
import { memoryFault } from './memory.ts';

export const COMMAND = {
  name: 'rangekeeper kvnode',
  summary: [
    'Stores ranges of keys and replicates them. A small guardian process starts the node. If the node crashes, the guardian',
    'closes its ZooKeeper session, so that other nodes take over at once.',
  ].join('\n'),
  flags: {
    zk: ZK_FLAG,
    data: text<string>({
      value: 'DIR',
      help: 'data directory; it is the node: another directory is another node',
    }),
    listen: address<string>({
      help: 'where clients and other nodes connect; port 0: a free one',
      fallback: '127.0.0.1:0',
    }),
    advertise: advertised<string | null>({
      help: 'the address that others connect to, if it is not --listen',
      fallback: null,
    }),
    name: text<string | null>({ help: 'for people; default: the host of its address', fallback: null }),
    zone: text<string>({
      help: 'failure domain: replicas of a range are spread over zones',
      fallback: 'default',
    }),
    machine: text<string | null>({
      help: 'what fails as one: two replicas of a range are never on one machine; default: the host name',
      fallback: null,
    }),
    capacity: integer<number>({ help: 'relative share of ranges to hold', min: 1, max: 1000, fallback: 1 }),
    memory: byteSize<number | null>({
      help: "memory for node and guardian: 512MB, 1GiB; default: the container's limit, or half of the machine's memory",
      faultOf: memoryFault,
      fallback: null,
    }),
    logKeepMb: integer({
      help: 'old log that is always kept, MiB; default: by --memory, at most 64',
      min: 1,
      max: 1_000_000,
      fallback: null,
    }),
    logRetainMb: integer({
      help: 'old log that is kept at most while a replica needs it, MiB; one further behind gets a snapshot; default: by --memory, at most 256',
      min: 1,
      max: 1_000_000,
      fallback: null,
    }),
    clientsMax: integer<number>({
      help: 'limit of client connections; further ones are refused',
      min: 1,
      max: 100_000,
      fallback: DEFAULT_CONNECTION_LIMITS.clientsMax,
    }),
    restart: toggle({
      help: 'restarts a crashed node after 0.25 s, doubling to 10 s, instead of ending with its exit code',
    }),
    scrubHours: integer({
      help: 'hours in which rows, files and replicas of each range are verified once; 0: never',
      min: 0,
      max: 8_760,
      fallback: 24,
    }),
    sessionMs: sessionFlag(DEFAULT_SESSION.sessionMs),
    logLevel: logLevelFlag('info'),
  },
} as const satisfies Command;

export type NodeFlags = ParsedFlags<typeof COMMAND>['values'];

/** @throws ProcessExit for --help and for a wrong command line */
export function readNodeFlags(argv: readonly string[]): NodeFlags {
  const { values } = readFlags(COMMAND, argv);
  checkAdvertised(COMMAND, values);
  return values;
}
