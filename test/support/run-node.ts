// Runs a Node program until it ends, as a user does.

import { text } from 'node:stream/consumers';
import { realEnv } from '../../common/base/env.ts';
import { type Child, startChild } from '../../common/process/children.ts';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param argv options of node, a JavaScript file, its arguments */
export function runNode(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return finished(startChild(realEnv, { argv, stdout: 'pipe', stderr: 'pipe', environment }));
}

export async function finished(child: Child): Promise<Finished> {
  const { stdout, stderr } = child.process;
  if (stdout === null || stderr === null) throw new Error('the child has pipes');
  const [out, err, { code }] = await Promise.all([text(stdout), text(stderr), child.ended]);
  return { code, stdout: out, stderr: err };
}
