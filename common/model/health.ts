// The health of a cluster in a few sentences: how many ranges take writes, how many copies the worst range has, and which loss the
// cluster survives. It is a pure function of what somebody knows of the cluster, so the page and the REPL can say the same.

import { counted } from '../base/words.ts';
import type { NodeId } from './ids.ts';
import type { Machines } from './machines.ts';

/** The copies of one range. */
export interface Copies {
  /** The nodes that are in-sync and answer. */
  readonly nodes: readonly NodeId[];
  /** How many copies the range's namespace asks for. */
  readonly desired: number;
  readonly minInSync: number;
}

export interface RangeFacts extends Copies {
  readonly owner: NodeId;
  /** Whether the range takes writes now; null: it is not known yet. */
  readonly takesWrites: boolean | null;
}

export interface HealthFacts {
  readonly ranges: readonly RangeFacts[];
  readonly machines: Machines;
  /** Whether ZooKeeper answers and a coordinator leads, so that an owner that is lost can be replaced. */
  readonly replacesOwners: boolean;
}

/**
 * `ok`: every range takes writes and has its copies. `degraded`: every range takes writes, but a copy is missing or one more loss
 * does harm. `problem`: a range takes no writes. `unknown`: the owners have not been asked yet, or there is no range.
 */
export type HealthKind = 'ok' | 'degraded' | 'problem' | 'unknown';

export interface Health {
  readonly kind: HealthKind;
  /** Without full stops, to be shown side by side. */
  readonly sentences: readonly string[];
}

export function healthOf(facts: HealthFacts): Health {
  if (facts.ranges.length === 0) return { kind: 'unknown', sentences: ['No range yet'] };
  const sentences = [writesSentence(facts.ranges), worstCopies(facts.ranges), survival(facts)];
  return { kind: kindOf(facts), sentences: sentences.flatMap((sentence) => sentence ?? []) };
}

/**
 * The copies of one range, and what one more loss does to it: `2 of 3 copies; one more loss makes this read-only`.
 * @param subject what the sentence calls the range
 */
export function copiesSentence(copies: Copies, machines: Machines, subject = 'this'): string {
  const count = copiesCount(copies);
  if (copies.nodes.length < copies.minInSync) return `${count}; too few to take writes`;
  const harms = machinesOf(copies, machines).map((machine) => harmTo(copies, machine, machines));
  const harm = (['unavailable', 'read-only'] as const).find((one) => harms.includes(one));
  return harm === undefined ? count : `${count}; ${oneLoss([copies])} makes ${subject} ${harm}`;
}

/** `2 of 3 copies`. While a copy moves there is one more than asked for, which does not count. */
export function copiesCount({ nodes, desired }: Copies): string {
  return `${Math.min(nodes.length, desired)} of ${desired} copies`;
}

export function isShort({ nodes, desired }: Copies): boolean {
  return nodes.length < desired;
}

function kindOf(facts: HealthFacts): HealthKind {
  const { ranges, replacesOwners, machines } = facts;
  if (ranges.some(({ takesWrites }) => takesWrites === false)) return 'problem';
  if (ranges.some(({ takesWrites }) => takesWrites === null)) return 'unknown';
  if (!replacesOwners || ranges.some(isShort)) return 'degraded';
  // With as many copies as minInSync asks for, every loss does harm, and that is what was chosen.
  const couldSurvive = ranges.filter(({ desired, minInSync }) => desired > minInSync);
  const isHarmed = (range: RangeFacts) =>
    machinesOf(range, machines).some((machine) => harmTo(range, machine, machines) !== null);
  return couldSurvive.some(isHarmed) ? 'degraded' : 'ok';
}

function writesSentence(ranges: readonly RangeFacts[]): string {
  const taking = ranges.filter(({ takesWrites }) => takesWrites === true).length;
  const refusing = ranges.filter(({ takesWrites }) => takesWrites === false).length;
  if (taking === ranges.length) return 'All writes OK';
  if (refusing === ranges.length) return 'No range takes writes';
  if (refusing === 0) return `${counted(ranges.length - taking, 'range')} not asked yet`;
  return `${counted(refusing, 'range')} of ${ranges.length} take${refusing === 1 ? 's' : ''} no writes`;
}

function worstCopies(ranges: readonly RangeFacts[]): string {
  const missing = ({ nodes, desired }: Copies) => Math.max(0, desired - nodes.length);
  const most = ranges.reduce((highest, range) => Math.max(highest, missing(range)), 0);
  const worst = ranges.filter((range) => missing(range) === most);
  const counts = new Set(worst.map(copiesCount));
  const [count] = counts;
  if (counts.size > 1 || count === undefined)
    return most === 0
      ? 'every range has all its copies'
      : `${counted(worst.length, 'range')} lack ${most === 1 ? 'a copy' : `${most} copies`}`;
  if (worst.length === ranges.length) return `every range has ${count}`;
  return `${counted(worst.length, 'range')} ${worst.length === 1 ? 'has' : 'have'} only ${count}`;
}

/** What a loss does to a range that takes writes now; `ownerless`: nobody can be promoted. */
type Harm = 'unavailable' | 'read-only' | 'ownerless';

/** A range takes writes while minInSync in-sync replicas live, and any of them can become the owner (R5, R7). */
function harmTo({ nodes, minInSync }: Copies, machine: string, machines: Machines): Harm | null {
  let left = 0;
  for (const node of nodes) if (machines.of(node) !== machine) left++;
  return left === 0 ? 'unavailable' : left < minInSync ? 'read-only' : null;
}

function machinesOf({ nodes }: Copies, machines: Machines): readonly string[] {
  const names = nodes.map((node) => machines.of(node));
  return names.filter((name, index) => names.indexOf(name) === index);
}

/**
 * Null if nothing more is lost by one loss, but a range takes no writes already, or has too few copies to take any: then nothing is
 * promised.
 */
function survival({ ranges, machines, replacesOwners }: HealthFacts): string | null {
  const serving = ranges.filter(
    ({ takesWrites, nodes, minInSync }) => takesWrites !== false && nodes.length >= minInSync,
  );
  const losses = new Map<string, Harm[]>();
  for (const range of serving) {
    for (const machine of machinesOf(range, machines)) {
      const isOwners = machines.of(range.owner) === machine;
      const harm = harmTo(range, machine, machines) ?? (isOwners && !replacesOwners ? 'ownerless' : null);
      if (harm === null) continue;
      const harms = losses.get(machine) ?? [];
      losses.set(machine, harms);
      harms.push(harm);
    }
  }
  const [worst] = [...losses.values()].sort((a, b) => b.length - a.length);
  if (worst !== undefined) return `${oneLoss(ranges)} ${effectOf(worst)}`;
  if (serving.length < ranges.length) return null;
  return `any one machine may fail${machines.nodesCountAsMachines ? ' (each node here counts as one)' : ''}`;
}

function effectOf(harms: readonly Harm[]): string {
  const kinds = new Set(harms);
  const [harm] = kinds;
  const ranges = counted(harms.length, 'range');
  if (kinds.size > 1 || harm === undefined) return `stops the writes of ${ranges}`;
  return harm === 'ownerless' ? `leaves ${ranges} without an owner` : `makes ${ranges} ${harm}`;
}

function oneLoss(ranges: readonly Copies[]): string {
  return ranges.some(isShort) ? 'one more loss' : 'one loss';
}
