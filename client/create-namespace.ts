// The client's part of `createNamespace`: it makes a request from the options, asks the leader, and reads what was made.

import { formatBytes } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { RangekeeperError } from '../common/base/errors.ts';
import type { Logger } from '../common/base/log.ts';
import {
  namespaceFault,
  type RequestedNamespace,
  rangeCountFault,
} from '../common/model/requested-namespace.ts';
import { evenSplitKeys } from '../common/model/split-keys.ts';
import type { Zk } from '../common/zk/store.ts';
import { askLeader } from './admin.ts';
import type { NamespaceOptions, NamespaceView } from './api.ts';
import { bytesOf, invalid, numberOf } from './arguments.ts';
import type { CallLimits } from './call.ts';
import { readNamespace } from './reach-cluster.ts';

/** The request as the leader will get it. Throws INVALID_ARGUMENT. Copies the split keys. */
export function requestedNamespace(name: string, options: NamespaceOptions): RequestedNamespace {
  const { splitBytes, unit } = options;
  const requested = {
    name,
    replicationFactor: numberOf('replicas', options.replicas),
    minInSync: numberOf('minInSync', options.minInSync),
    splitAt: splitKeysOf(options),
    ...(splitBytes === undefined ? {} : { splitBytes }),
    ...(unit === undefined ? {} : { unit: new Uint8Array(bytesOf(unit, 'a unit')) }),
  };
  const fault = namespaceFault(requested);
  return fault === null ? requested : invalid(fault);
}

function splitKeysOf({ ranges, splitAt }: NamespaceOptions): RequestedNamespace['splitAt'] {
  if (splitAt === undefined) return ranges === undefined ? null : evenly(ranges);
  if (ranges !== undefined) invalid('ranges does not go together with splitAt');
  if (!Array.isArray(splitAt)) invalid('splitAt is a list of keys');
  // Not `map`: it skips the holes of an array, and leaves them.
  return Array.from(splitAt, (key) => new Uint8Array(bytesOf(key, 'a split key')));
}

function evenly(ranges: number): RequestedNamespace['splitAt'] {
  numberOf('ranges', ranges);
  const fault = rangeCountFault(ranges);
  return fault === null ? evenSplitKeys(ranges) : invalid(fault);
}

/** Rejects as `Client.createNamespace` does. */
export async function createNamespace(
  { zk, env, log }: { readonly zk: Zk; readonly env: Env; readonly log: Logger },
  requested: RequestedNamespace,
  limits: CallLimits,
): Promise<NamespaceView> {
  const { name, replicationFactor, minInSync, splitAt, splitBytes, unit } = requested;
  const request = {
    ...({ kind: 'create-namespace', name, replicationFactor, minInSync } as const),
    splitAt: splitAt === null ? null : splitAt.map(formatBytes),
    ...(splitBytes === undefined ? {} : { splitBytes }),
    ...(unit === undefined ? {} : { unit: formatBytes(unit) }),
  };
  const outcome = await askLeader(zk, env, request, limits);
  let fault = 'it is not there any more';
  try {
    const made = await readNamespace(zk, log, requested.name);
    if (made !== null) return made;
  } catch (error) {
    if (!(error instanceof RangekeeperError)) throw error;
    fault = error.message;
  }
  // The leader has made it, so no error may say that nothing was done.
  throw new RangekeeperError('OUTCOME_UNKNOWN', `${outcome}, but it cannot be read: ${fault}`);
}
