// The command line of `rangekeeper kvnode`, which its guardian and the node process under it read alike.

import { DEFAULT_RECEPTION, DEFAULT_SESSION } from '../../common/model/config.ts';
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
    'Stores ranges of keys and replicates them. A small guardian starts the node as a process of its own; when that dies',
    'by a crash, the guardian closes its ZooKeeper session, so that others take over at once.',
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
      help: 'what others are told to connect to, if it is not --listen',
      fallback: null,
    }),
    name: text<string | null>({ help: 'for people; default: the host name', fallback: null }),
    zone: text<string>({
      help: 'failure domain: replicas of a range are spread over zones',
      fallback: 'default',
    }),
    capacity: integer<number>({ help: 'relative share of ranges to hold', min: 1, max: 1000, fallback: 1 }),
    memory: byteSize<number | null>({
      help: "memory for node and guardian: 512MB, 1GiB; default: the container's limit, or half of the machine's memory",
      faultOf: memoryFault,
      fallback: null,
    }),
    logKeepMb: integer({
      help: 'old log kept in any case, MiB; default by --memory, at most 64',
      min: 1,
      max: 1_000_000,
      fallback: null,
    }),
    logRetainMb: integer({
      help: 'and at most so much while a replica that is behind needs it, MiB; then it gets a snapshot; default by --memory, at most 256',
      min: 1,
      max: 1_000_000,
      fallback: null,
    }),
    clientsMax: integer<number>({
      help: 'connections of clients at once; one more is refused',
      min: 1,
      max: 100_000,
      fallback: DEFAULT_RECEPTION.clientsMax,
    }),
    restart: toggle({
      help: 'starts a node that crashed again, after 0.25 s doubling to 10 s, instead of ending with its exit code',
    }),
    scrubHours: integer({
      help: 'rows, files and replicas of each range are verified once in so many hours; 0: never',
      min: 0,
      max: 8_760,
      fallback: 24,
    }),
    sessionMs: sessionFlag(DEFAULT_SESSION.sessionMs),
    logLevel: logLevelFlag('info'),
  },
} as const satisfies Command;

export type NodeFlags = ParsedFlags<typeof COMMAND>['values'];

/** Throws ProcessExit for --help and for a wrong command line. */
export function readNodeFlags(argv: readonly string[]): NodeFlags {
  const { values } = readFlags(COMMAND, argv);
  checkAdvertised(COMMAND, values);
  return values;
}
