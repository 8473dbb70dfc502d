// When nodes are asked for their status, on a clock that the test moves.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { silentLogger } from '../../../common/base/log.ts';
import type { NodeStatus } from '../../../common/model/status.ts';
import { Statuses } from '../../../webserver/statuses.ts';
import { VirtualEnv } from '../../support/virtual-env.ts';

const PERIOD_MS = 1_000;

function setUp() {
  const env = new VirtualEnv();
  const world = {
    nodes: ['n-a', 'n-b'] as readonly string[],
    asked: [] as string[],
    /** Answers a request. A request that is never answered waits until the test ends. */
    answer: async (node: string): Promise<NodeStatus> => status(node),
  };
  const statuses = new Statuses({
    env,
    logger: silentLogger,
    periodMs: PERIOD_MS,
    nodes: () => world.nodes,
    ask: (node) => {
      world.asked.push(node);
      return world.answer(node);
    },
    changed: () => {},
  });
  return { env, world, statuses };
}

function status(node: string, leaseMs = 1): NodeStatus {
  return {
    node,
    version: '0.1.0',
    startedAt: 0,
    leaseMs,
    replicas: [],
    orphans: [],
    logBytes: 0,
    memoryBytes: 0,
  };
}

test('no node is asked before start, nor after stop', async (t) => {
  const { env, world, statuses } = setUp();
  await env.run(10 * PERIOD_MS);
  t.is(world.asked.length, 0);
  statuses.start();
  t.deepEqual(world.asked, ['n-a', 'n-b']);
  await env.run(5 * PERIOD_MS);
  t.true(world.asked.length >= 10);
  statuses.stop();
  const asked = world.asked.length;
  await env.run(10 * PERIOD_MS);
  t.is(world.asked.length, asked);
  t.is(statuses.reports.size, 0);
});

test('a node is not asked again while a request to it is under way', async (t) => {
  const { env, world, statuses } = setUp();
  world.answer = () => new Promise(() => {});
  statuses.start();
  await env.run(10 * PERIOD_MS);
  t.deepEqual(world.asked, ['n-a', 'n-b']);
});

test('a node is silent since the first request that it did not answer, until it answers', async (t) => {
  const { env, world, statuses } = setUp();
  statuses.start();
  await env.run(PERIOD_MS / 2);
  t.is(statuses.reports.get('n-b')?.kind, 'reported');
  const before = env.wallNow();
  world.answer = async (node) => {
    if (node === 'n-b') throw new Error('no answer');
    return status(node);
  };
  await env.run(5 * PERIOD_MS);
  const report = statuses.reports.get('n-b');
  t.true(report?.kind === 'silent' && report.since >= before && report.since <= before + 2 * PERIOD_MS);
  t.is(statuses.reports.get('n-a')?.kind, 'reported');
  world.answer = async (node) => status(node);
  await env.run(2 * PERIOD_MS);
  t.is(statuses.reports.get('n-b')?.kind, 'reported');
});

test('an answer after stop, or of a node that is gone, is dropped', async (t) => {
  const { env, world, statuses } = setUp();
  const answers: ((status: NodeStatus) => void)[] = [];
  world.answer = () => new Promise((resolve) => answers.push(resolve));
  statuses.start();
  world.nodes = ['n-b'];
  answers[0]?.(status('n-a'));
  await env.run(1);
  t.false(statuses.reports.has('n-a'));
  statuses.stop();
  answers[1]?.(status('n-b'));
  await env.run(1);
  t.is(statuses.reports.size, 0);
});

/** When a node renewed its lease, by the reports of a node whose lease ends at `until`. */
async function renewedBy(until: (now: number) => number, ms: number): Promise<number | null> {
  const { env, world, statuses } = setUp();
  world.answer = async (node) => status(node, Math.max(0, until(env.now()) - env.now()));
  statuses.start();
  await env.run(ms);
  const report = statuses.reports.get('n-a');
  statuses.stop();
  return report?.kind === 'reported' ? report.leaseRenewedAt : null;
}

test('a lease that ends later than before was renewed after the answer before', async (t) => {
  const begin = new VirtualEnv().wallNow();
  const renewed = await renewedBy((now) => now + 1_000, 10 * PERIOD_MS);
  t.true(renewed !== null && renewed >= begin + 7 * PERIOD_MS);
});

test('a lease that only runs out was not renewed', async (t) => {
  t.is(await renewedBy(() => 100 * PERIOD_MS, 10 * PERIOD_MS), null);
  t.is(await renewedBy(() => 2 * PERIOD_MS, 10 * PERIOD_MS), null);
});

test('a node is not silent because the webserver has no client that could ask it', async (t) => {
  const { env, world, statuses } = setUp();
  world.answer = async () => {
    throw new RangekeeperError('NO_CLUSTER', 'ZooKeeper did not answer');
  };
  statuses.start();
  await env.run(3 * PERIOD_MS);
  t.is(statuses.reports.size, 0);
});
