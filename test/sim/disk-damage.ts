// What may be gone from a node's disk, or be other than it was written, when its machine comes back from a power cut. Where
// the next start must notice for certain, the simulator demands it; elsewhere the checkers judge what the clients see.

import { type FaultKind, SHORT } from './fault-kind.ts';
import { damage } from './fault-targets.ts';
import type { Damage } from './node-process.ts';
import type { MachineDisk } from './world/machine-disk.ts';

/** `what` counts how often there was something to damage, beside the fault itself, which strikes in any case. */
type Row = readonly [name: string, what: string, spoil: (disk: MachineDisk) => boolean, met: Damage];

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

export const DISK_DAMAGE: readonly FaultKind[] = ROWS.map(([name, what, spoil, met]) => ({
  name,
  lastsMs: SHORT,
  strike: damage(what, spoil, met),
}));

export const DAMAGED: readonly string[] = ROWS.map(([, what]) => what);
