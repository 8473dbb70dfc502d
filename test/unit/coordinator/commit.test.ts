// The leader's steps for many ranges at once. They take few multis, each of them fenced. Each step is done with its event, or
// refused alone.

import test from 'ava';
import { withOwner } from '../../../common/model/descriptor.ts';
import { descriptorCodec, paths } from '../../../common/zk/znodes.ts';
import { batchesOf, commitSteps, type Fence, type Outcome } from '../../../coordinator/commit.ts';
import type { RangeStep, Step } from '../../../coordinator/step.ts';
import { plainRange } from '../../support/plain-ranges.ts';
import { TreeSession } from '../../support/tree-session.ts';

const RANGES = 100;
const pathOf = (id: number): string => paths.range('default', id);

function leader() {
  const zk = new TreeSession();
  for (const path of [paths.coordinatorEpoch, paths.events]) zk.put(path);
  const steps = Array.from({ length: RANGES }, (_, index): RangeStep => {
    const descriptor = plainRange(index + 1);
    zk.put(pathOf(descriptor.id), descriptorCodec.encode(descriptor));
    return {
      kind: 'range',
      change: 'promote',
      before: { descriptor, version: 0 },
      after: withOwner(descriptor, 'n-2', 's-2'),
      node: 'n-2',
      task: null,
      reason: 'a test says so',
    };
  });
  const fence: Fence = { session: zk.session, version: 0, term: 1 };
  const commit = async (): Promise<readonly Outcome['kind'][]> => {
    const outcomes: Outcome[] = [];
    for (const batch of batchesOf(steps)) outcomes.push(...(await commitSteps(fence, batch, 0)));
    return outcomes.map(({ kind }) => kind);
  };
  const events = (): number => zk.tree.children(paths.events)?.length ?? 0;
  const promoted = (): number =>
    steps.filter(({ after: { id } }) => zk.node(pathOf(id))?.version === 1).length;
  return { zk, steps, commit, events, promoted };
}

test('the ranges of a lost machine are promoted in few multis, each with its event', async (t) => {
  const { zk, steps, commit, events, promoted } = leader();
  t.deepEqual(batchesOf(steps).flat(), steps);
  t.deepEqual(new Set(await commit()), new Set(['done']));
  t.is(zk.multis.length, 2);
  t.true(zk.multis.every(([first]) => first?.kind === 'check' && first.path === paths.coordinatorEpoch));
  t.is(promoted(), RANGES);
  t.is(events(), RANGES);
});

test('a step whose znode changed first is refused and leaves no event; the others are done', async (t) => {
  const { zk, commit, events } = leader();
  const overtaken = [1, 40, 41, 100];
  for (const id of overtaken) zk.put(pathOf(id), descriptorCodec.encode(plainRange(id)));
  const outcomes = await commit();
  t.deepEqual(
    outcomes.flatMap((kind, index) => (kind === 'done' ? [] : [[index + 1, kind]])),
    overtaken.map((id) => [id, 'refused']),
  );
  t.is(events(), RANGES - overtaken.length);
});

test('a record that has a child cannot be deleted, and the outcome says so', async (t) => {
  const { zk } = leader();
  const record = { id: 'n-1', name: 'n1', zone: '', capacity: 1, mode: 'active' } as const;
  const request = { kind: 'forget-node', node: 'n-1' } as const;
  const task = { request, state: 'pending', progress: '', createdAt: 0 } as const;
  for (const path of [paths.node('n-1'), `${paths.node('n-1')}/x`, paths.task('t')]) zk.put(path);
  const step: Step = {
    ...{ kind: 'forget-node', before: { record, version: 0 }, reason: 'a test says so' },
    task: { task: { id: 't', record: task, version: 0 }, after: { ...task, state: 'done' } },
  };
  const [outcome] = await commitSteps({ session: zk.session, version: 0, term: 1 }, [step], 0);
  t.is(outcome?.kind, 'impossible');
});

test('a fenced leader changes nothing, not even what was sent again after a refusal', async (t) => {
  const { zk, commit, promoted } = leader();
  zk.put(pathOf(1), descriptorCodec.encode(plainRange(1)));
  zk.fate = (number) => {
    if (number === 1) zk.put(paths.coordinatorEpoch, Uint8Array.of(1));
    return 'answered';
  };
  const outcomes = await commit();
  t.is(outcomes[0], 'refused');
  t.deepEqual(new Set(outcomes.slice(1)), new Set(['fenced']));
  t.is(promoted(), 1, 'by the other writer');
});

test('if a multi is not answered, every step is unknown; if it was not sent, none is done', async (t) => {
  const lost = leader();
  lost.zk.fate = () => 'lost';
  t.deepEqual(new Set(await lost.commit()), new Set(['unknown']));
  const unsent = leader();
  unsent.zk.fate = () => 'unsent';
  t.deepEqual(new Set(await unsent.commit()), new Set(['failed']));
  t.is(unsent.promoted(), 0);
});
