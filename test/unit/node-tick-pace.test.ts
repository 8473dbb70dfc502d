// How often a node looks at what it owns, by how much that is.

import test from 'ava';
import { DEFAULT_REPLICATION } from '../../common/model/config.ts';
import { TickPace } from '../../kvnode/tick-pace.ts';

const pace = test.macro((t, owned: number, turns: number, quietMs: number) => {
  const ticks = new TickPace(DEFAULT_REPLICATION);
  const looks = new Map<number, number>();
  for (let tick = 0; tick < turns; tick++) {
    ticks.begin(owned);
    for (let range = 1; range <= owned; range++) {
      if (ticks.isDue(range)) looks.set(range, (looks.get(range) ?? 0) + 1);
    }
  }
  t.is(looks.size, owned, 'each has its turn');
  t.true(
    [...looks.values()].every((count) => count === 1),
    'and only one',
  );
  t.is(ticks.quietMs, quietMs);
});

test('a few: all in every tick', pace, 3, 1, 100);
test('as many as one tick takes', pace, 64, 1, 192);
test('more: in turns', pace, 65, 2, 195);
test('very many: each every fourth tick all the same', pace, 1_000, 4, 3_000);
