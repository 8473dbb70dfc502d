// A contender of a comparison: some servers and the client that loads them. Reports show its name and its client.

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
  /** Empty if the client has no process that lasts from slot to slot. */
  clientPids(): readonly number[];
  run(spec: SlotSpec): Promise<SlotResult>;
  /** Rangekeeper only: a smaller in-sync set makes writes cheaper, which a report must mention. */
  inSync?(): Promise<InSync>;
  /** Resolves when the servers have done what they had put off. Absent: it is done once they are idle. */
  settled?(): Promise<void>;
  /** Whether its processes are ours. */
  readonly canBeProfiled: boolean;
  /** Sets the keys from 0 to `keys` - 1 under the prefix. */
  fill(prefix: string, keys: number, valueBytes: number): Promise<void>;
  /** Reads back writes that were acknowledged since the last call, at most `max` keys. */
  verify(max: number): Promise<Verified>;
  /** Stops a client that is not needed any more. */
  dismiss?(): Promise<void>;
}

/** A contender whose client is one of our load programs. @param server the name under which the rig started it */
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
