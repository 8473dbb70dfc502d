// Ranges that live, under load: split, merged and moved all the time; nodes that join; inserts in order; and a range that is asked ten
// times as often as the others. No operation may fail in any of them.

import type { TaskOptions } from '../../client/admin-api.ts';
import { type Client, connect } from '../../client/index.ts';
import { present } from '../../common/base/assert.ts';
import { delay, realEnv } from '../../common/base/env.ts';
import { RangekeeperError } from '../../common/base/errors.ts';
import { untilInSync } from '../bench-cluster.ts';
import { perSecond, slotOf } from '../compare.ts';
import type { Contender } from '../contenders/contender.ts';
import { rangekeeperOn, startCluster } from '../contenders/rangekeeper.ts';
import { keyOf } from '../load/keys.ts';
import type { SlotResult, SlotSpec } from '../load/slot.ts';
import { atLeast, type Outcome, type Row, rowOf, verdictOn } from '../report/results.ts';
import { PREFIX, type Rig, VALUE_BYTES } from '../rig.ts';
import { seeded } from '../stats/draws.ts';
import { LETTERS } from './ycsb.ts';

const CALLERS = 64;
const SECOND_MS = 1_000;
const NODES = 4;
/** Between two changes of ranges, ms. */
const CHANGE_PAUSE_MS = 500;
const RANGES_MAX = 8;

/** Slots of a second, one after the other, for as long as the scale says or until `isOver`. */
async function seconds(
  contender: Contender,
  spec: SlotSpec,
  isOver: (passed: number) => boolean,
): Promise<readonly SlotResult[]> {
  const results: SlotResult[] = [];
  while (!isOver(results.length)) {
    const slot = { ...spec, warmUpMs: 0, ms: SECOND_MS, seed: spec.seed + results.length };
    results.push(await contender.run(slot));
  }
  return results;
}

function errorsIn(results: readonly SlotResult[]): Record<string, number> {
  const errors: Record<string, number> = {};
  for (const result of results)
    for (const [code, count] of Object.entries(result.errors)) errors[code] = (errors[code] ?? 0) + count;
  return errors;
}

type Described = Pick<Row, 'work' | 'variant' | 'contender' | 'client'> & Partial<Row>;

async function rowOfSeconds(
  rig: Rig,
  contender: Contender,
  results: readonly SlotResult[],
  described: Described,
): Promise<Row> {
  const verified = await contender.verify(rig.scale.verified);
  const values = results.map(perSecond);
  return rowOf({ unit: 'ops/s', each: 'second', values, errors: errorsIn(results), verified, ...described });
}

function noFailures(row: Row): ReturnType<typeof verdictOn> {
  const count = Object.values(row.errors).reduce((sum, one) => sum + one, 0);
  const measured = { median: count, min: count, max: count };
  return verdictOn(row, { goal: 'no operation fails', measured, unit: 'failed', met: count === 0 });
}

// ---- changes -------------------------------------------------------------------------------------------------------

/** A minute of YCSB A with ranges at rest, and one in which they are split, merged, moved and handed over, by turns. */
export async function changes(rig: Rig): Promise<Outcome> {
  await rig.stop();
  const { keys } = rig.scale;
  const cluster = await startCluster(rig, 'changes', keys, 3, { nodes: NODES });
  const contender = await rangekeeperOn(rig, cluster);
  const client = await connect({ zk: cluster.zk });
  const [text, draws] = present(LETTERS.a, 'YCSB A');
  const spec = slotOf(rig, { ...draws, callers: CALLERS });
  const passed = (count: number): boolean => count * rig.scale.rounds >= rig.scale.sustainedMs / SECOND_MS;
  await seconds(contender, spec, (count) => count >= 5);
  const described = {
    ...{ work: 'YCSB A', variant: `${text}, ${CALLERS} callers, by the second`, client: contender.client },
  };
  const [rest, change]: [SlotResult[], SlotResult[]] = [[], []];
  const changer = new Changer(client, keys);
  const calm = [rig.calibrator.measure()];
  // They alternate, so that a slow period of the machine affects both.
  for (let round = 0; round < rig.scale.rounds; round++) {
    rest.push(...(await seconds(contender, spec, passed)));
    changer.start();
    change.push(...(await seconds(contender, spec, passed)));
    await changer.stop();
    calm.push(rig.calibrator.measure());
  }
  const changed = await rowOfSeconds(rig, contender, change, {
    ...{ ...described, contender: 'Rangekeeper, ranges change', note: changer.summary },
  });
  const atRest = await rowOfSeconds(rig, contender, rest, {
    ...described,
    contender: 'Rangekeeper, ranges at rest',
  });
  await client.close();
  return { rows: [changed, atRest], verdicts: [noFailures(changed)], calm };
}

/** Asks for one change of ranges after the other, between `start` and `stop`. */
class Changer {
  readonly #client: Client;
  readonly #keys: number;
  readonly #random = seeded(7);
  readonly #done = new Map<string, number>();
  #running: Promise<void> = Promise.resolve();
  #stopped = true;

  constructor(client: Client, keys: number) {
    this.#client = client;
    this.#keys = keys;
  }

  start(): void {
    this.#stopped = false;
    this.#running = this.#run();
    // `stop` reports it.
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** What was done, in words. */
  get summary(): string {
    return [...this.#done].map(([what, count]) => `${count} ${what}`).join(', ');
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#client.refresh();
      const [what, change] = this.#change();
      let outcome = what;
      try {
        await change({ wait: true });
      } catch (error) {
        if (!(error instanceof RangekeeperError)) throw error;
        outcome = `${what} refused`;
      }
      this.#done.set(outcome, (this.#done.get(outcome) ?? 0) + 1);
      await delay(realEnv, CHANGE_PAUSE_MS);
    }
  }

  #change(): readonly [string, (options: TaskOptions) => Promise<unknown>] {
    const client = this.#client;
    const key = keyOf(PREFIX, this.#below(this.#keys));
    const images = client.ranges();
    const { id, owner, replicas } = present(images[this.#below(images.length)], 'a range').descriptor;
    const members = replicas.map(({ node }) => node);
    const others = client.nodes().flatMap((node) => (members.includes(node.id) ? [] : [node.id]));
    const [other] = others;
    const heir = members.find((node) => node !== owner.node);
    const from = present(members[this.#below(members.length)], 'a replica');
    const kind = this.#below(4);
    if (kind === 0 && other !== undefined)
      return ['moves', (options) => client.move(id, from, other, options)];
    if (kind === 1 && heir !== undefined)
      return ['hand-overs', (options) => client.transfer(id, heir, options)];
    if (kind === 2 || images.length >= RANGES_MAX) return ['merges', (options) => client.merge(key, options)];
    return ['splits', (options) => client.split(key, options)];
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

// ---- growth --------------------------------------------------------------------------------------------------------

const GROWN_MS = 10_000;
const SHARED_MS_MAX = 180_000;
const GROWN_RANGES = 10;

/** One node, then three, then five, while YCSB A runs. */
export async function growth(rig: Rig): Promise<Outcome> {
  await rig.stop();
  const { keys } = rig.scale;
  const cluster = await startCluster(rig, 'growth', GROWN_RANGES, 3, { nodes: 1, replicas: 1 });
  const admin = await connect({ zk: cluster.zk });
  const splitAt = Array.from({ length: GROWN_RANGES - 1 }, (_, at) =>
    keyOf(PREFIX, Math.floor(((at + 1) * keys) / GROWN_RANGES)),
  );
  await admin.createNamespace('growth', { replicas: 3, splitAt });
  await admin.close();
  const contender = await rangekeeperOn(rig, cluster, { namespaces: ['growth'] });
  await contender.fill(PREFIX, keys, VALUE_BYTES);
  const client = await connect({ zk: cluster.zk, namespace: 'growth' });
  const [text, draws] = present(LETTERS.a, 'YCSB A');
  const spec = slotOf(rig, { ...draws, callers: CALLERS });
  const rows: Row[] = [];
  const variant = `${text}, ${CALLERS} callers, by the second`;
  for (const nodes of [1, 3, 5]) {
    for (let at = rows.length === 0 ? 2 : nodes - 1; at <= nodes; at++) cluster.startNode(`n${at}`);
    const begin = realEnv.now();
    let endedAt: number | null = null;
    const shared = untilShared(client, nodes).finally(() => {
      endedAt = realEnv.now();
    });
    const end = (): boolean => endedAt !== null && realEnv.now() > endedAt + GROWN_MS;
    const results = await seconds(contender, spec, end);
    const isShared = await shared;
    const passed = `${(((endedAt ?? begin) - begin) / SECOND_MS).toFixed(1)} s`;
    const note = isShared
      ? `each node has its share after ${passed}`
      : `a node still owns nothing after ${passed}`;
    const described = {
      work: 'growth',
      variant,
      contender: `Rangekeeper, ${nodes} nodes`,
      client: '-',
      note,
    };
    rows.push(await rowOfSeconds(rig, contender, results, described));
  }
  await client.close();
  return { rows, verdicts: rows.map(noFailures), calm: [rig.calibrator.measure()] };
}

/**
 * Resolves to true when every range has as many replicas as it can, and each node owns one at least, if there are as many ranges. False: that
 * took too long.
 */
async function untilShared(client: Client, nodes: number): Promise<boolean> {
  await untilInSync(client, (inSync) => inSync === Math.min(3, nodes));
  const wanted = Math.min(nodes, client.ranges().length);
  for (const end = realEnv.now() + SHARED_MS_MAX; realEnv.now() < end; await delay(realEnv, SECOND_MS / 4)) {
    await client.refresh();
    const owners = new Set(client.ranges().map(({ descriptor }) => descriptor.owner.node));
    if (owners.size >= wanted) return true;
  }
  return false;
}

// ---- inserts -------------------------------------------------------------------------------------------------------

const INSERTS_KEEP = 0.8;
const SMALL_SPLIT_BYTES = 16 * 1024 * 1024;

/** Inserts in key order, which all fall on the last range, against inserts in any order, each after a minute of it. */
export async function inserts(rig: Rig): Promise<Outcome> {
  await rig.stop();
  const cluster = await startCluster(rig, 'inserts', 1_000, 3, { nodes: NODES });
  const admin = await connect({ zk: cluster.zk });
  const rows: Row[] = [];
  for (const order of ['in key order', 'in any order'] as const) {
    const namespace = order === 'in key order' ? 'ordered' : 'scattered';
    await admin.createNamespace(namespace, { splitBytes: SMALL_SPLIT_BYTES });
    const contender = await rangekeeperOn(rig, cluster, {
      name: `inserts ${order}`,
      namespaces: [namespace],
    });
    const spec = slotOf(rig, {
      mix: { insert: 1 },
      callers: CALLERS,
      keys: 0,
      scattered: namespace === 'scattered',
    });
    const count = rig.scale.sustainedMs / SECOND_MS;
    let inserted = 0;
    const all: SlotResult[] = [];
    while (all.length < 2 * count) {
      const [result] = await seconds(
        contender,
        { ...spec, keys: inserted, seed: all.length },
        (passed) => passed > 0,
      );
      if (result === undefined) break;
      all.push(result);
      // More than were inserted, so that no key is written twice.
      inserted += result.done + CALLERS;
    }
    const described = {
      work: 'inserts',
      variant: `${CALLERS} callers, after ${count} s`,
      client: contender.client,
    };
    rows.push(
      await rowOfSeconds(rig, contender, all.slice(count), {
        ...described,
        contender: `Rangekeeper, ${order}`,
      }),
    );
  }
  await admin.close();
  const verdicts = [...atLeast(rows, INSERTS_KEEP), ...rows.map(noFailures)];
  return { rows, verdicts, calm: [rig.calibrator.measure()] };
}

// ---- a hot range ---------------------------------------------------------------------------------------------------

const HOT_RANGES = 12;
const HOT_TIMES = 10;
const HOT_KEYS = 1_000;
/** Its keys are all in the first range. */
const HOT_PREFIX = 'hot';
const SPREAD_MAX = 1.5;
const SPREAD_SECONDS_MAX = 60;
/** The part of the highest throughput that all callers ask for together: with more, nodes would count as strained. */
const HOT_LOAD = 0.4;

/** One of twelve ranges is asked ten times as often as each of the others. */
export async function hotRange(rig: Rig): Promise<Outcome> {
  await rig.stop();
  const keys = HOT_RANGES * HOT_KEYS;
  const cluster = await startCluster(rig, 'hot', HOT_KEYS, 3, { nodes: NODES, balanceAfterMs: 1_000 });
  const splitAt = Array.from({ length: HOT_RANGES - 1 }, (_, at) => keyOf(PREFIX, (at + 1) * HOT_KEYS));
  const client = await connect({ zk: cluster.zk });
  await client.createNamespace('hot', { splitAt });
  await client.close();
  const all = await rangekeeperOn(rig, cluster, { namespaces: ['hot'] });
  const hot = await rangekeeperOn(rig, cluster, { namespaces: ['hot'], deadlineMs: 9_999 });
  await all.fill(PREFIX, keys, VALUE_BYTES);
  await hot.fill(HOT_PREFIX, HOT_KEYS, VALUE_BYTES);
  const usual = slotOf(rig, { mix: { read: 0.5, update: 0.5 }, callers: CALLERS, keys });
  const rates = await seconds(all, usual, (count) => count >= 5);
  const each = (Math.max(...rates.map(perSecond)) * HOT_LOAD) / (HOT_RANGES - 1 + HOT_TIMES);
  const background = { ...usual, callers: 1_024, arrivals: Math.round(each * HOT_RANGES) };
  const extra = { prefix: HOT_PREFIX, keys: HOT_KEYS, arrivals: Math.round(each * (HOT_TIMES - 1)) };
  const seen: number[] = [];
  const isOver = (passed: number): boolean => passed >= (2 * rig.scale.sustainedMs) / SECOND_MS;
  const watching = seconds(all, background, (passed) => {
    if (passed > 0) void cluster.loads().then((loads) => seen.push(spreadOfLoads(loads)));
    return isOver(passed);
  });
  const [results, more] = await Promise.all([watching, seconds(hot, { ...background, ...extra }, isOver)]);
  const last = seen.findLastIndex((spread) => spread > SPREAD_MAX) + 1;
  const row = await rowOfSeconds(rig, all, results, {
    ...{ work: 'a hot range', variant: `one of ${HOT_RANGES} has ${HOT_TIMES} times the load of the others` },
    ...{ contender: `Rangekeeper, ${NODES} nodes`, client: all.client },
    ...{ unit: 's', each: 'round', values: [last] },
    errors: errorsIn([...results, ...more]),
    note: `highest load of a node over the mean, by the second: ${seen.map((one) => one.toFixed(1)).join(' ')}`,
  });
  const goal = `no node over ${SPREAD_MAX} × the mean after ${SPREAD_SECONDS_MAX} s`;
  const verdict = verdictOn(row, { goal, measured: row.spread, met: last <= SPREAD_SECONDS_MAX });
  return { rows: [row], verdicts: [verdict, noFailures(row)], calm: [rig.calibrator.measure()] };
}

/** The highest load of a node, as a multiple of the mean. */
function spreadOfLoads(loads: readonly number[]): number {
  const mean = loads.reduce((sum, one) => sum + one, 0) / Math.max(1, loads.length);
  return mean === 0 ? Number.POSITIVE_INFINITY : Math.max(...loads) / mean;
}
