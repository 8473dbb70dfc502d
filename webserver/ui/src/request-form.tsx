// A request to the leader: what is to be given, the steps that the leader would take and their reasons, and the button that does it.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { TaskAnswer, TaskRequestBody } from '../../answers.ts';
import type { TaskRow } from '../../feed.ts';
import { FailureNote } from './failure-note.tsx';
import { plural } from './format.ts';
import type { Names } from './names.ts';
import { type Asked, isSameRequest, useRequest } from './use-request.ts';

/** What every form needs to know. */
export interface RequestContext {
  readonly namespace: string;
  readonly names: Names;
  readonly tasks: readonly TaskRow[];
}

interface RequestFormProps {
  readonly context: RequestContext;
  /** What is asked for, such as `Split range 3`. */
  readonly title: string;
  /** The label of the button that does it. */
  readonly verb: string;
  /** Null: something has to be given first. */
  readonly request: TaskRequestBody | null;
  /** The fields; none: the steps are asked for at once. */
  readonly children?: ComponentChildren;
  readonly close: () => void;
}

export function RequestForm({ context, title, verb, request, children, close }: RequestFormProps) {
  const { asked, plan, execute } = useRequest(context.namespace);
  const form = useRef<HTMLFormElement>(null);
  const closeButton = useRef<HTMLButtonElement>(null);
  const hasFields = children !== undefined;
  useEffect(() => {
    if (hasFields) form.current?.querySelector<HTMLElement>('input, select')?.focus();
    else if (request !== null) plan(request);
  }, []);
  // The button that was pressed has vanished with the focus.
  const hasAnswer = asked.kind === 'done' || (asked.kind === 'failed' && !asked.wasDryRun);
  useEffect(() => {
    if (hasAnswer) closeButton.current?.focus();
  }, [hasAnswer]);
  const isCurrent =
    asked.kind !== 'nothing' && (hasAnswer || !hasFields || isSameRequest(request, asked.request));
  return (
    <form
      class="request"
      ref={form}
      aria-label={title}
      onSubmit={(event) => {
        event.preventDefault();
        if (request !== null) plan(request);
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        close();
      }}
    >
      <strong>{title}</strong>
      {hasFields && asked.kind !== 'done' && (
        <div class="fields">
          {children}
          <button type="submit" disabled={request === null || asked.kind === 'planning'}>
            Show steps
          </button>
        </div>
      )}
      <div role="status" class="outcome">
        {isCurrent && <Outcome asked={asked} context={context} />}
      </div>
      <div class="buttons">
        {isCurrent && (asked.kind === 'planned' || asked.kind === 'doing') && (
          <button
            type="button"
            class="primary"
            disabled={asked.kind === 'doing'}
            onClick={() => execute(asked.request)}
          >
            {asked.kind === 'doing' ? 'Asking…' : verb}
          </button>
        )}
        <button type="button" ref={closeButton} onClick={close}>
          Close
        </button>
      </div>
    </form>
  );
}

function Outcome({ asked, context }: { readonly asked: Asked; readonly context: RequestContext }) {
  switch (asked.kind) {
    case 'nothing':
      return null;
    case 'planning':
      return <p class="muted">Asking the coordinator what it would do…</p>;
    case 'doing':
      return <p class="muted">Asking the coordinator to do it…</p>;
    case 'planned':
      return <Steps task={asked.task} names={context.names} />;
    case 'done':
      return <Progress task={asked.task} {...context} />;
    case 'failed':
      return <FailureNote error={asked.error} asked={asked.wasDryRun ? 'other read' : 'task'} />;
  }
}

/** So many steps are shown at first. A drain of a large node has hundreds. */
const STEPS_SHOWN = 20;

function Steps({ task: { steps, progress }, names }: { readonly task: TaskAnswer; readonly names: Names }) {
  const [all, setAll] = useState(false);
  const more = steps.length - STEPS_SHOWN;
  const shown = all ? steps : steps.slice(0, STEPS_SHOWN);
  return (
    <>
      {steps.length === 0 ? (
        <p>{progress === '' ? 'No step is needed.' : names.inText(progress)}</p>
      ) : (
        <>
          <p class="muted">Nothing has been changed yet. It would do this:</p>
          <ol class="steps">
            {shown.map((step, index) => (
              <li key={index}>{names.inText(step)}</li>
            ))}
          </ol>
          {more > 0 && !all && (
            <button type="button" onClick={() => setAll(true)}>
              Show {plural(more, 'more step')}
            </button>
          )}
        </>
      )}
      {steps.length > 0 && progress !== '' && <p>{names.inText(progress)}</p>}
    </>
  );
}

/** The feed knows more than the answer as the task goes on. */
function Progress({ task, tasks, names }: RequestContext & { readonly task: TaskAnswer }) {
  const { state, progress } = tasks.find(({ id }) => id === task.id) ?? task;
  const word = state === 'done' ? 'Done' : state === 'failed' ? 'Failed' : 'Under way';
  return (
    <p class={`note-box ${state === 'done' ? 'good' : state === 'failed' ? 'bad' : ''}`}>
      <strong>{word}</strong> {names.inText(progress)}
    </p>
  );
}
