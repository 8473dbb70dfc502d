// Completion of what is typed at the prompt: verbs, options, keys of the cluster and names of namespaces.

import test from 'ava';
import { realEnv } from '../../../common/base/env.ts';
import { complete } from '../../../repl/completion.ts';
import type { Session } from '../../../repl/session.ts';
import { VERBS } from '../../../repl/verbs/verbs.ts';
import { ViewAge } from '../../../repl/view-age.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { silentScreen } from '../../support/repl-run.ts';
import { twoNodes } from '../../support/two-node-client.ts';

function session(client: MemoryClient): Session {
  return {
    env: realEnv,
    screen: silentScreen,
    format: 'table',
    verbs: VERBS,
    interactive: true,
    pager: null,
    question: null,
    viewAge: new ViewAge(realEnv.now()),
    input: null,
    namespace: () => client.namespace,
    client: async () => client,
    use: async () => client,
  };
}

const completes = test.macro({
  async exec(t, line: string, candidates: string[], replaced: string) {
    const client = twoNodes();
    await client.createNamespace('orders');
    for (const key of ['a b', 'user/ada', 'user/bob', 'x\xff', new Uint8Array([0xfe]), '--odd'])
      await client.put(key, '1');
    t.deepEqual(await complete(session(client), line), [candidates, replaced]);
  },
  title: (_, line) => `completes ${JSON.stringify(line)}`,
});

test(completes, 'sc', ['scan '], 'sc');
test(completes, 'put a 1; co', ['count '], 'co');
test(completes, 'frob x', [], 'x');
test(completes, 'get us', ['user/ada', 'user/bob'], 'us');
test(completes, 'get user/b', ['user/bob '], 'user/b');
test(completes, 'get a', ['"a b" '], 'a');
test(completes, 'get "us', ['"user/ada"', '"user/bob"'], '"us');
test(completes, 'get "a ', ['"a b" '], '"a ');
test(completes, 'get \\xfe', ['\\xfe '], '\\xfe');
test(completes, 'get \\xf', [], '\\xf');
test(completes, 'get "--', ['"--odd" '], '"--');
test(completes, 'put user/ada ', [], '');
test(completes, 'get x --re', ['--read '], '--re');
test(completes, 'SC', ['scan '], 'SC');
test(completes, 'HELP St', ['status '], 'St');
test(completes, 'put j {"a": "us', [], '{"a": "us');
test(completes, 'put j {"a": 1} --if', ['--if-revision '], '--if');
test(completes, "put it's us", [], "put it's us");
test(completes, 'get --read ', ['linearizable', 'fallback', 'stale'], '');
test(completes, 'get --read f', ['fallback '], 'f');
test(completes, 'get --read stale us', ['user/ada', 'user/bob'], 'us');
test(completes, 'scan --prefix user/a', ['user/ada '], 'user/a');
test(completes, 'scan --reverse --k', ['--keys '], '--k');
test(completes, 'scan --keys --re', ['--reverse', '--read'], '--re');
test(completes, 'help st', ['status '], 'st');
test(completes, 'na', ['namespace '], 'na');
test(completes, 'namespace ', ['create', 'list', 'alter', 'drop'], '');
test(completes, 'drain k', ['kv-1', 'kv-2'], 'k');
test(completes, 'move 4 kv-1 kv-2', ['kv-2 '], 'kv-2');
test(completes, 'split a', ['"a b" '], 'a');
test(completes, 'split x us', ['user/ada', 'user/bob'], 'us');
test(completes, 'put a 1; namespace c', ['create '], 'c');
test(completes, 'help namespace l', ['list '], 'l');
test(completes, 'help namespace list ', [], '');
test(completes, 'use ', ['default', 'orders'], '');
test(completes, 'use o', ['orders '], 'o');
test(completes, 'namespace create o', [], 'o');
test(completes, 'namespace create x --split-at a --r', ['--replicas', '--ranges'], '--r');
test(completes, 'namespace create x --split-at a ', [], '');

test('if there are too many keys to show, their common prefix is still right', async (t) => {
  const client = new MemoryClient();
  for (let i = 0; i < 150; i++) await client.put(`user/a${i}`, '');
  await client.put('user/z', '');
  const [candidates] = await complete(session(client), 'get u');
  t.is(candidates.length, 101);
  t.is(candidates.at(-1), 'user/z');
});

test('a cluster that does not answer completes to nothing', async (t) => {
  const client = new MemoryClient();
  client.beforeCall = () => new Promise(() => {});
  t.deepEqual(await complete(session(client), 'get u'), [[], 'u']);
});
