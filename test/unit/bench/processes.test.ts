// The CPU time of processes, as the kernel reports it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test from 'ava';
import { cpuSecondsOf } from '../../../bench/processes.ts';

test('the work of a child counts with its parent, while it runs and when it has ended', async (t) => {
  const child = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo worked; read line';
  const parent = spawn('sh', ['-c', `sh -c '${child}'; echo ended; read line`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(parent, 'exit');
  const says = createInterface(parent.stdout)[Symbol.asyncIterator]();
  const cost = () => cpuSecondsOf([parent.pid ?? 0]) ?? 0;

  t.is((await says.next()).value, 'worked');
  const running = cost();
  t.true(running >= 0.05, `${running} s`);
  parent.stdin.write('\n');
  t.is((await says.next()).value, 'ended');
  t.true(cost() >= running);
  parent.stdin.end('\n');
  await exit;
});
