// The names of the options of each method. An unknown name is refused: `put('a', 'b', { ifrevision: 3 })` would otherwise write without
// its condition.

import { nearestWord } from '../common/base/nearest-word.ts';
import type { AlterOptions, TaskOptions } from './admin-api.ts';
import type {
  AbortOptions,
  CallOptions,
  Client,
  ConnectOptions,
  CountOptions,
  NamespaceOptions,
  RaiseOptions,
  ReadOptions,
  ScanOptions,
  ScanPageOptions,
  WriteOptions,
} from './api.ts';
import { invalid, shown } from './arguments.ts';

/** What a method gets whose caller gave no options: nothing needs to be checked then. */
export const NO_OPTIONS: object = Object.freeze({});

type Names = ReadonlySet<string>;

/** The names of the fields of T, all of them and no others. */
export function namesOf<T>(table: Readonly<Record<keyof T, true>>): Names {
  return new Set(Object.keys(table));
}

const call = { deadlineMs: true, signal: true } as const;
const read = { ...call, read: true } as const;
const bounds = { prefix: true, start: true, end: true } as const;
const scan = { ...read, ...bounds, limit: true, reverse: true, keysOnly: true, valueBytesMax: true } as const;

const sizes = { replicas: true, minInSync: true, splitBytes: true, unit: true } as const;
const task = { ...call, dryRun: true, wait: true, onProgress: true } as const;

const ABORT = namesOf<AbortOptions>({ signal: true });
const CALL = namesOf<CallOptions>(call);
const TASK = namesOf<TaskOptions>(task);
const WRITE = namesOf<WriteOptions>({ ...call, ifRevision: true });

const OPTIONS = {
  connect: namesOf<ConnectOptions>({
    ...{ zk: true, namespace: true, deadlineMs: true, connectMs: true, sessionMs: true, fallbackMs: true },
    ...{ logger: true, signal: true },
  }),
  put: WRITE,
  delete: WRITE,
  batch: CALL,
  get: namesOf<ReadOptions>(read),
  scan: namesOf<ScanOptions>(scan),
  scanPage: namesOf<ScanPageOptions>({ ...scan, cursor: true }),
  count: namesOf<CountOptions>({ ...read, ...bounds }),
  refresh: ABORT,
  namespaces: ABORT,
  inNamespace: ABORT,
  createNamespace: namesOf<NamespaceOptions>({
    ...{ ...call, ...sizes, ranges: true, splitAt: true },
  }),
  nodeStatus: CALL,
  ...{ split: TASK, merge: TASK, move: TASK, transfer: TASK, isolate: TASK, pin: TASK, unpin: TASK },
  ...{ drain: TASK, undrain: TASK, decommission: TASK, forgetNode: TASK, rebalance: TASK },
  alterNamespace: namesOf<AlterOptions>({ ...task, ...sizes }),
  dropNamespace: TASK,
  tasks: ABORT,
  cancelTask: TASK,
  raiseEpochs: namesOf<RaiseOptions>({ ...call, force: true, dryRun: true }),
  checkRange: CALL,
} as const satisfies Partial<Record<keyof Client | 'connect', Names>>;

/** Throws INVALID_ARGUMENT if `options` is not an object, or has a name that the method does not know. */
export function checkOptions(method: keyof typeof OPTIONS, options: unknown): void {
  if (options === NO_OPTIONS) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    invalid(`the options of ${method} must be an object, not ${shown(options)}`);
  const names = OPTIONS[method];
  const name = unknownName(options, names);
  if (name !== null) refuseName(method, 'option', name, names);
}

/** The first name in `given` that is not one of `names`; null: there is none. */
export function unknownName(given: object, names: Names): string | null {
  for (const name of Object.keys(given)) if (!names.has(name)) return name;
  return null;
}

/** @param kind what the names are of `what` */
export function refuseName(what: string, kind: string, name: string, names: Names): never {
  const meant = nearestWord(name, names);
  const hint = meant === null ? `there are ${[...names].join(', ')}` : `did you mean ${meant}?`;
  invalid(`${what} has no ${kind} ${/^\w+$/.test(name) ? name : shown(name)}; ${hint}`);
}
