// A hook for a request to the leader: first a dry run, then, once somebody has read its steps, the request itself. What is typed in
// between makes the steps out of date, and an answer to an earlier question is dropped.

import { useRef, useState } from 'preact/hooks';
import type { ErrorAnswer, TaskAnswer, TaskRequestBody } from '../../answers.ts';
import { askForTask } from './http.ts';

export type Asked =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'planning' | 'doing'; readonly request: TaskRequestBody }
  | { readonly kind: 'planned' | 'done'; readonly request: TaskRequestBody; readonly task: TaskAnswer }
  | {
      readonly kind: 'failed';
      readonly request: TaskRequestBody;
      readonly error: ErrorAnswer;
      readonly wasDryRun: boolean;
    };

export interface Asking {
  readonly asked: Asked;
  /** Asks for the steps. */
  readonly plan: (request: TaskRequestBody) => void;
  /** Asks for what the steps were shown of. */
  readonly execute: (request: TaskRequestBody) => void;
}

export function useRequest(namespace: string): Asking {
  const [asked, setAsked] = useState<Asked>({ kind: 'nothing' });
  const questions = useRef(0);
  const ask = async (request: TaskRequestBody, dryRun: boolean): Promise<void> => {
    questions.current++;
    const mine = questions.current;
    setAsked({ kind: dryRun ? 'planning' : 'doing', request });
    const outcome = await askForTask(namespace, { ...request, dryRun });
    if (mine !== questions.current) return;
    if (outcome.kind === 'failed') setAsked({ ...outcome, request, wasDryRun: dryRun });
    else setAsked({ kind: dryRun ? 'planned' : 'done', request, task: outcome.answer });
  };
  return {
    asked,
    plan: (request) => void ask(request, true),
    execute: (request) => void ask(request, false),
  };
}

export function isSameRequest(a: TaskRequestBody | null, b: TaskRequestBody): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
