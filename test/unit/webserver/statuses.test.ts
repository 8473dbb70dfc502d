// When nodes are asked for their status, on a clock that the test moves.

import test from 'ava';
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

function status(node: string): NodeStatus {
  return {
    node,
    version: '0.1.0',
    startedAt: 0,
    leaseMs: 1,
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
