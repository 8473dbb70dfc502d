// A session whose heartbeats are not answered, over the simulator's network and ensemble: however it is cut off, it ends at
// ZooKeeper
// within T + 1 s, and attempts to connect meanwhile leave no session behind. test/e2e/zk-one-way has the real server.

import test from 'ava';
import { DEFAULT_SESSION } from '../../../common/model/config.ts';
import { connectZk } from '../../../common/zk/zk.ts';
import { World } from '../../sim/world/world.ts';
import { ZkEnsemble } from '../../sim/world/zk-ensemble.ts';
import { linksOf } from '../../sim/world/zk-link.ts';

const SERVERS = ['zk-1', 'zk-2', 'zk-3'];

async function connected(sessionMs: number, seed: number) {
  const world = new World(seed);
  const { network, clock } = world;
  const ensemble = new ZkEnsemble(
    world,
    SERVERS.map((name) => world.makeHost(name)),
  );
  const { process, logger } = world.makeHost('process');
  const zk = connectZk({
    connect: ensemble.connectString,
    config: { ...DEFAULT_SESSION, sessionMs },
    env: process.env,
    logger,
    openLink: linksOf(ensemble, process),
  });
  const session = await world.until(zk.ready(10_000));
  const pass = async (ms: number) => {
    const end = clock.now + ms;
    await clock.run(() => clock.now >= end);
  };
  const each = (act: (server: string) => void) => {
    for (const server of SERVERS) act(server);
  };
  const loseAnswers = () => each((server) => network.cut(server, 'process'));
  const loseRequests = () => each((server) => network.cut('process', server));
  const mend = () =>
    each((server) => {
      if (network.isCut(server, 'process')) network.repair(server, 'process');
      if (network.isCut('process', server)) network.repair('process', server);
    });
  return { ensemble, zk, session, pass, loseAnswers, loseRequests, mend, process };
}

type Scene = Awaited<ReturnType<typeof connected>>;

const CUTS: Readonly<Record<string, (scene: Scene) => void>> = {
  'answers are lost': ({ loseAnswers }) => loseAnswers(),
  'requests are lost': ({ loseRequests }) => loseRequests(),
  'both are lost': ({ loseAnswers, loseRequests }) => {
    loseAnswers();
    loseRequests();
  },
};

for (const [what, cut] of Object.entries(CUTS)) {
  for (const sessionMs of [2_000, 6_000]) {
    test(`${what} for T = ${sessionMs}: the session is over at ZooKeeper, and the next one begins when all is well`, async (t) => {
      for (let seed = 1; seed <= 5; seed++) {
        const scene = await connected(sessionMs, seed);
        const { ensemble, zk, session, pass, mend } = scene;
        await pass(1_000 + 100 * seed);
        cut(scene);
        await pass(sessionMs + 1_000);
        t.true(session.ended, 'here');
        t.false(ensemble.sessions.has(session.id), `at ZooKeeper, seed ${seed}`);
        await pass(3 * sessionMs);
        t.true(ensemble.sessions.size <= 1, `${ensemble.sessions.size} sessions were left behind`);
        mend();
        await pass(3 * sessionMs);
        t.not(zk.session, null);
        await pass(sessionMs);
        t.deepEqual([...ensemble.sessions.keys()], [zk.session?.id]);
      }
    });
  }
}

test('a cut shorter than T costs no session', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const { session, pass, loseAnswers, mend } = await connected(6_000, seed);
    await pass(2_000);
    loseAnswers();
    await pass(4_000);
    mend();
    await pass(10_000);
    t.false(session.ended);
  }
});

test('that ZooKeeper is silent is reported within half of T, and its return once', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const { zk, pass, loseAnswers, mend } = await connected(4_000, seed);
    const reports: boolean[] = [];
    zk.onConnection((is) => reports.push(is));
    await pass(1_000 + 100 * seed);
    t.deepEqual(reports, [true]);
    loseAnswers();
    await pass(2_000);
    t.deepEqual(reports, [true, false]);
    await pass(8_000);
    t.deepEqual(reports, [true, false], 'the end of the session is no other report');
    mend();
    await pass(10_000);
    t.deepEqual(reports, [true, false, true]);
  }
});
