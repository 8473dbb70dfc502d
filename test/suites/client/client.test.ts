// The real client, over a cluster in memory, and its twin pass the conformance suite with inputs in every form. In one of the worlds
// each request is refused once and sent again, so that a call that keeps its caller's bytes is found out.

import test from 'ava';
import { RangekeeperError } from '../../../common/base/errors.ts';
import { replyFromError } from '../../../common/wire/error-reply.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { type ClientUnderTest, STORIES } from './conformance.ts';
import { FormedInputs, INPUT_FORMS } from './input-forms.ts';

async function overCluster(cluster: FakeCluster): Promise<ClientUnderTest> {
  const client = await cluster.connect();
  return { client, settled: (promise) => cluster.env.until(promise) };
}

/** Every second request is refused. */
function refusing(): FakeCluster {
  const cluster = new FakeCluster();
  let asked = 0;
  for (const node of cluster.nodes.values())
    node.behave = () =>
      asked++ % 2 === 0 ? replyFromError(new RangekeeperError('NOT_READY', 'not yet')) : 'default';
  return cluster;
}

const WORLDS: Readonly<Record<string, () => Promise<ClientUnderTest>>> = {
  'in memory': async () => ({ client: new MemoryClient(), settled: (promise) => promise }),
  'over a cluster': () => overCluster(new FakeCluster()),
  'over a cluster that refuses first': () => overCluster(refusing()),
};

for (const [world, open] of Object.entries(WORLDS))
  for (const form of INPUT_FORMS)
    for (const [what, story] of Object.entries(STORIES))
      test(`${world}, ${form.name}: ${what}`, async (t) => {
        const { client, settled } = await open();
        const inputs = new FormedInputs(form);
        await story(t, inputs.client(client), settled);
        t.deepEqual(inputs.changed, [], 'no input was changed');
      });
