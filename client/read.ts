// Starts a read in one of the three modes of api.ts.

import type { CallContext } from './call.ts';
import { HedgedRead } from './hedged-read.ts';
import { OwnerRead } from './owner-read.ts';
import type { ReadTask } from './read-call.ts';

export function read<T>(context: CallContext, task: ReadTask<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const Read = task.mode === 'linearizable' ? OwnerRead : HedgedRead;
    new Read(context, task, resolve, reject).begin();
  });
}
