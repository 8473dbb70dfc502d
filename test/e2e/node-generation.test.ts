// Copies of data directories, with real files, processes and a real ZooKeeper: a copy replaces a directory that was used since, or a
// copy is started while the original runs (R12).

import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { TestProcess } from '../support/processes.ts';
import { openClient, TestCluster } from '../support/test-cluster.ts';

const SET_ASIDE = 'the data directory is damaged and was set aside: this node joins as a new, empty one';
const KEYS = Array.from({ length: 15 }, (_, at) => `${'abcdefghijklmno'[at]}/after`);

test.serial(
  'a directory is replaced by an older copy, and all nodes restart: no acknowledged write is lost',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 3 });
    const client = await openClient(t, cluster);
    await cluster.allInSync();
    await client.put('a/before', 'ada');
    const [first, ...others] = cluster.nodes;
    if (first === undefined) throw new Error('there is a node');
    const copy = join(cluster.directory, 'copy-of-n1');
    await first.process.end('SIGTERM');
    await cp(cluster.dataOf(first), copy, { recursive: true });
    await cluster.restart(first);
    await cluster.allInSync();
    for (const key of KEYS) {
      await client.put(key, 'ada');
      await cluster.transfer(key, first);
    }

    await Promise.all(cluster.nodes.map(({ process }) => process.end('SIGKILL')));
    await rm(cluster.dataOf(first), { recursive: true });
    await cp(copy, cluster.dataOf(first), { recursive: true });
    // It starts first: as the only live node it would be promoted.
    const replaced = await cluster.restartAsAnother(first);
    t.not(replaced.id, first.id);
    const line = await replaced.process.logged(SET_ASIDE);
    t.regex(String(line.reason), /older copy: it is in generation \d+, and its node was in generation \d+/);
    await Promise.all(others.map((node) => cluster.restart(node)));
    for (const key of KEYS) t.not(await client.get(key), null, key);
    const [aside] = await readdir(join(cluster.dataOf(replaced), 'aside'));
    t.true(aside?.endsWith(first.id));
  },
);

test.serial(
  'a copy that is started while the node runs ends with one line, and nothing changes',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 3 });
    const client = await openClient(t, cluster);
    await cluster.allInSync();
    const [first] = cluster.nodes;
    if (first === undefined) throw new Error('there is a node');
    const copy = join(cluster.directory, 'copy-of-n1');
    await first.process.end('SIGTERM');
    await cp(cluster.dataOf(first), copy, { recursive: true });
    await cluster.restart(first);
    const session = await cluster.liveSession(first);
    const before = await readFile(join(copy, 'node.json'), 'utf8');

    const flags = ['--zk', cluster.connect, '--data', copy, '--name', 'copy', '--session-ms', '10000'];
    const second = TestProcess.start(['kvnode', ...flags], join(cluster.directory, 'copy.log'));
    t.is(await second.end('SIGCONT'), 1, 'it ends by itself');
    t.regex(
      second.fatalMessage ?? '',
      /^kvnode: another process, at 127\.0\.0\.1:\d+, runs as this node on another copy/,
    );
    t.is(await readFile(join(copy, 'node.json'), 'utf8'), before);
    t.is(await cluster.liveSession(first), session);
    await client.put('a/after', 'ada');
  },
);
