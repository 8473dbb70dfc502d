// Damage to a node's disk that shows after a power cut: data are missing or changed. Where the next start must detect it for
// certain, the simulator demands that. Otherwise the checkers of the history decide by what clients saw.

import { type FaultKind, SHORT } from './fault-kind.ts';
import { damage } from './fault-targets.ts';
import type { Damage } from './node-process.ts';
import type { MachineDisk } from './world/machine-disk.ts';

/** `what` is the counter of cases in which there was something to damage. The fault itself cuts the power in any case. */
type Row = readonly [
  name: string,
  what: string,
  damageDisk: (disk: MachineDisk) => boolean,
  detection: Damage,
];

const ROWS: readonly Row[] = [
  ['bad-block', 'a bit of the log flipped', (disk) => disk.flipLogBit(), 'at the start'],
  ['state-bit-flipped', 'a bit of the state flipped', (disk) => disk.flipStateBit(), 'latent'],
  ['state-batch-lost', 'lost a batch of the state', (disk) => disk.loseStateBatch(), 'at the start'],
  // The log may hold all of it.
  ['state-lost', 'lost the state', (disk) => disk.loseState(), 'at the start'],
  ['state-file-lost', 'lost CURRENT of the state', (disk) => disk.loseStateFile(), 'for certain'],
  ['node-file-lost', 'lost node.json', (disk) => disk.loseNodeFile(), 'for certain'],
  ['log-lost', 'lost the log', (disk) => disk.loseLog(), 'for certain'],
  ['newest-segment-lost', 'lost the newest segment', (disk) => disk.loseNewestSegment(), 'for certain'],
  // The state may hold all of it.
  ['oldest-segment-lost', 'lost the oldest segment', (disk) => disk.loseOldestSegment(), 'at the start'],
];

export const DISK_DAMAGE: readonly FaultKind[] = ROWS.map(([name, what, damageDisk, detection]) => ({
  name,
  lastsMs: SHORT,
  strike: damage(what, damageDisk, detection),
}));

export const DAMAGED: readonly string[] = ROWS.map(([, what]) => what);
