// By what name a node tells the leader its machine.

import test from 'ava';
import { machineName } from '../../../../kvnode/process/machine.ts';

test('the machine that is given counts, else the host of the address; nodes on a loopback address share none', (t) => {
  t.is(machineName('m1', '10.0.0.1:7400'), 'm1');
  t.is(machineName('m1', '127.0.0.1:7400'), 'm1');
  t.is(machineName(null, '10.0.0.1:7400'), '10.0.0.1');
  t.is(machineName(null, 'n1.example:7400'), 'n1.example');
  for (const address of ['127.0.0.1:7400', 'localhost:7400', '[::1]:7400'])
    t.is(machineName(null, address), undefined, address);
});
