// What verbs that ask the leader for a task share, and the verbs that show and cancel tasks.

import type { Task, TaskOptions } from '../../client/admin-api.ts';
import type { Client } from '../../client/api.ts';
import { type Answer, type Column, each, flag, number, type Row, text } from '../answer.ts';
import type { Option } from '../arguments.ts';
import type { Call, Verb } from '../session.ts';
import { ask, askForTask } from './verb.ts';

export const TASK_OPTIONS: readonly Option[] = [
  { name: 'dry-run', help: 'change nothing: only show the steps and their reasons' },
  { name: 'wait', help: 'until the task has ended; Ctrl-C ends the wait, not the task' },
];

/** More lines for the help of a verb with TASK_OPTIONS. */
export const TASK_DETAILS =
  'It ends once a coordinator has begun it, or refused it (exit code 1). `tasks` shows how far it is, `cancel` ends it.';

const COLUMNS: readonly Column[] = [{ name: 'task' }, { name: 'state' }, { name: 'progress' }];
const STEP_COLUMNS: readonly Column[] = [{ name: 'step' }, { name: 'what' }];

type Request = (client: Client, options: TaskOptions) => Promise<Task>;

/** Asks for a task, and waits as the options say. */
export async function runTask(call: Call, request: Request): Promise<Task> {
  const { args, session, signal } = call;
  const options = {
    ...{ signal, dryRun: args.has('dry-run') },
    ...(args.has('wait') ? { wait: true } : {}),
    onProgress: ({ progress }: Task) => session.screen.status(progress),
  };
  return askForTask(call, (client) => request(client, options));
}

/** As {@link runTask}, with the answer of most verbs. */
export async function taskAnswer(call: Call, request: Request): Promise<Answer> {
  const task = await runTask(call, request);
  return call.args.has('dry-run') ? stepsOf(call, task) : outcomeOf(call, task);
}

export function stepsOf(call: Call, { steps, progress }: Task): Answer {
  if (progress !== '') call.remark(progress);
  const rows = steps.map((step, at): Row => [number(at + 1), text(step)]);
  return { kind: 'rows', columns: STEP_COLUMNS, rows: each(rows), headings: rows.length > 0 };
}

function outcomeOf(call: Call, { id, state, progress }: Task): Answer {
  if (state !== 'done' && call.session.format === 'table')
    call.remark(`the task goes on: cancel ${id} ends it, tasks shows how far it is`);
  return {
    kind: 'record',
    columns: COLUMNS,
    row: [text(id), text(state), text(progress)],
    text: progress === '' ? state : progress,
  };
}

const tasks: Verb = {
  name: 'tasks',
  summary: 'what administrators have asked for, the newest first, and how far it is',
  parameters: [],
  options: [],
  run: (call) =>
    ask(call, async (client): Promise<Answer> => {
      const rows = (await client.tasks()).map(
        ({ id, request, state, progress, createdAt, dryRun }): Row => [
          ...[text(id), text(createdAt.toISOString()), text(request), flag(dryRun)],
          ...[text(state), text(progress)],
        ],
      );
      return { kind: 'rows', columns: LIST_COLUMNS, rows: each(rows), headings: true };
    }),
};

const LIST_COLUMNS: readonly Column[] = [
  { name: 'task' },
  { name: 'createdAt', narrow: { kind: 'drop', order: 1 } },
  { name: 'request' },
  { name: 'dryRun', narrow: { kind: 'drop', order: 2 } },
  { name: 'state' },
  { name: 'progress', narrow: { kind: 'below' } },
];

const cancel: Verb = {
  name: 'cancel',
  summary: 'end a task; what it has changed stays',
  details: `TASK is an id, as \`tasks\` shows it. ${TASK_DETAILS}`,
  parameters: [{ name: 'TASK', kind: 'text' }],
  options: TASK_OPTIONS,
  run: (call) => taskAnswer(call, (client, options) => client.cancelTask(call.args.text('TASK'), options)),
};

export const TASK_VERBS: readonly Verb[] = [tasks, cancel];
