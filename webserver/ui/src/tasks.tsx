// What administrators have asked of the leader: what is under way, what waits, and what has ended.

import { useRef, useState } from 'preact/hooks';
import { hasEnded, type TaskRow } from '../../feed.ts';
import { formatMoment, formatTime, plural } from './format.ts';
import { type RequestContext, RequestForm } from './request-form.tsx';

/** So many that have ended are shown at first. */
const ENDED_SHOWN = 5;

interface TasksProps {
  readonly context: RequestContext;
  readonly notShown: number;
}

export function Tasks({ context, notShown }: TasksProps) {
  const [all, setAll] = useState(false);
  const { tasks } = context;
  const open = tasks.filter((task) => !hasEnded(task));
  const ended = tasks.slice(open.length);
  const shown = all ? tasks : [...open, ...ended.slice(0, ENDED_SHOWN)];
  const more = tasks.length - (open.length + Math.min(ended.length, ENDED_SHOWN));
  return (
    <section class="card" aria-labelledby="tasks">
      <div class="card-head">
        <h2 id="tasks">Tasks</h2>
        <small>{open.length === 0 ? 'none under way' : `${open.length} not ended`}</small>
      </div>
      {tasks.length === 0 ? (
        <p class="empty">
          Nobody has asked for anything. Splits, moves and drains that you ask for here or in the REPL are
          listed.
        </p>
      ) : (
        <ol class="tasks">
          {shown.map((task) => (
            <TaskLine key={task.id} task={task} context={context} />
          ))}
        </ol>
      )}
      {more > 0 && (
        <button type="button" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show ${plural(more, 'more task')}`}
        </button>
      )}
      {notShown > 0 && (all || more <= 0) && <p class="empty">{plural(notShown, 'more task')} not shown.</p>}
    </section>
  );
}

const WORDS: Readonly<Record<TaskRow['state'], { readonly word: string; readonly tone: string }>> = {
  pending: { word: 'waiting', tone: '' },
  running: { word: 'under way', tone: 'warn' },
  done: { word: 'done', tone: 'good' },
  failed: { word: 'failed', tone: 'bad' },
};

function TaskLine({ task, context }: { readonly task: TaskRow; readonly context: RequestContext }) {
  const [cancelling, setCancelling] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const { word, tone } = WORDS[task.state];
  const { names } = context;
  const request = names.inText(task.request);
  return (
    <li data-task={task.id}>
      <time title={formatMoment(task.createdAt)}>{formatTime(task.createdAt)}</time>
      <div>
        <span class={`pill ${tone}`}>{word}</span> <code>{request}</code>
        {task.dryRun && <small> dry run</small>}
        {task.progress !== '' && <p>{names.inText(task.progress)}</p>}
        {cancelling && (
          <RequestForm
            context={context}
            title={`Cancel ${request}`}
            verb="Cancel the task"
            request={{ kind: 'cancel', task: task.id }}
            close={() => {
              setCancelling(false);
              button.current?.focus();
            }}
          />
        )}
      </div>
      {!hasEnded(task) && (
        <button
          type="button"
          ref={button}
          class="danger"
          aria-expanded={cancelling}
          aria-label={`Cancel… ${request}`}
          onClick={() => setCancelling(!cancelling)}
        >
          Cancel…
        </button>
      )}
    </li>
  );
}
