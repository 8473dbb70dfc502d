// A contender of one comparison: some servers and the client that loads them. Each is reported by name, with its client.

import type { InSync } from '../bench-cluster.ts';
import type { DriverSpec } from '../load/driver.ts';
import type { Verified } from '../load/ledger.ts';
import type { SlotResult, SlotSpec } from '../load/slot.ts';
import type { Rig } from '../rig.ts';

export interface Contender {
  readonly name: string;
  /** Which client, on how many connections. */
  readonly client: string;
  serverPids(): readonly number[];
  /** Empty where the client's processes do not stay from slot to slot. */
  clientPids(): readonly number[];
  run(spec: SlotSpec): Promise<SlotResult>;
  /** Rangekeeper only: an in-sync set that shrinks makes writes cheaper, which a row must say. */
  inSync?(): Promise<InSync>;
  /** Whether its processes are ours. */
  readonly canBeProfiled: boolean;
  /** Sets the keys from 0 to `keys` - 1 under the prefix. */
  fill(prefix: string, keys: number, valueBytes: number): Promise<void>;
  /** Reads back what was acknowledged since the last time, at most `max` keys. */
  verify(max: number): Promise<Verified>;
  /** Stops a client that is not needed any more. */
  dismiss?(): Promise<void>;
}

/** A contender whose client is a load program of ours. `server`: what the rig started it as. */
export async function programmed(
  rig: Rig,
  server: string,
  driver: DriverSpec,
  described: Pick<Contender, 'name' | 'client' | 'serverPids'> & Partial<Contender>,
): Promise<Contender> {
  const program = await rig.program(server, driver);
  return {
    clientPids: () => program.pids,
    run: (spec) => program.call('slot', spec),
    fill: (prefix, keys, valueBytes) => program.call('fill', prefix, keys, valueBytes),
    verify: (max) => program.call('verify', max),
    dismiss: () => rig.dismiss(server, driver),
    canBeProfiled: false,
    ...described,
  };
}

/** `2 connections` */
export function connectionsText(connections: number): string {
  return `${connections} connection${connections === 1 ? '' : 's'}`;
}
