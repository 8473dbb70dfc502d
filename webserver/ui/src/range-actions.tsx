// What a person may ask of the leader for one range: split it, merge it, move or hand it over, isolate it, pin it.

import type { ComponentChildren } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import type { TaskRequestBody } from '../../answers.ts';
import type { NodeRow, RangeRow } from '../../feed.ts';
import { formatEnd, formatStart } from './format.ts';
import { type RequestContext, RequestForm } from './request-form.tsx';

interface RangeActionsProps {
  readonly range: RangeRow;
  readonly context: RequestContext;
}

type Action = 'split' | 'merge' | 'move' | 'transfer' | 'isolate' | 'pin' | 'unpin';

const LABELS: Readonly<Record<Action, string>> = {
  split: 'Split…',
  merge: 'Merge…',
  move: 'Move…',
  transfer: 'Transfer…',
  isolate: 'Isolate…',
  pin: 'Pin…',
  unpin: 'Unpin…',
};

export function RangeActions({ range, context }: RangeActionsProps) {
  /** The range as it was when the form was opened: after a split the details are about another one. */
  const [open, setOpen] = useState<{ action: Action; range: RangeRow } | null>(null);
  const opener = useRef<HTMLButtonElement | null>(null);
  const isHeld = range.pinned || range.isolated;
  const actions: readonly Action[] = [
    ...(['split', 'merge', 'move', 'transfer', 'isolate'] as const),
    ...(range.pinned ? [] : (['pin'] as const)),
    ...(isHeld ? (['unpin'] as const) : []),
  ];
  const close = () => {
    setOpen(null);
    opener.current?.focus();
  };
  return (
    <div class="actions">
      <fieldset class="buttons">
        <legend>Ask the coordinator to</legend>
        {actions.map((action) => (
          <button
            key={action}
            type="button"
            aria-expanded={open?.action === action}
            onClick={(event) => {
              opener.current = event.currentTarget;
              setOpen(open?.action === action ? null : { action, range });
            }}
          >
            {LABELS[action]}
          </button>
        ))}
      </fieldset>
      {open !== null && <Form key={open.action} {...open} context={context} close={close} />}
    </div>
  );
}

interface FormProps {
  readonly range: RangeRow;
  readonly context: RequestContext;
  readonly close: () => void;
}

function Form({ action, ...props }: FormProps & { readonly action: Action }) {
  const { range, context, close } = props;
  switch (action) {
    case 'split':
      return <SplitForm {...props} />;
    case 'move':
      return <MoveForm {...props} />;
    case 'transfer':
      return <TransferForm {...props} />;
    case 'isolate':
      return <IsolateForm {...props} />;
    case 'merge':
      return (
        <RequestForm
          context={context}
          title={`Merge range ${range.id} with its right neighbour`}
          verb="Merge"
          request={{ kind: 'merge', key: keyIn(range) }}
          close={close}
        />
      );
    case 'pin':
    case 'unpin':
      return (
        <RequestForm
          context={context}
          title={action === 'pin' ? `Pin range ${range.id}` : `Let range ${range.id} move again`}
          verb={action === 'pin' ? 'Pin' : 'Unpin'}
          request={{ kind: action, range: range.id }}
          close={close}
        />
      );
  }
}

/** A key that lies in the range, in text form. The start of the first range is no key. */
function keyIn({ start }: RangeRow): string {
  return start === '' ? '\\x00' : start;
}

function SplitForm({ range, context, close }: FormProps) {
  const [key, setKey] = useState('');
  const request: TaskRequestBody | null = key === '' ? null : { kind: 'split', keys: [key] };
  return (
    <RequestForm
      context={context}
      title={`Split range ${range.id}`}
      verb="Split"
      request={request}
      close={close}
    >
      <KeyField label="At the key" value={key} set={setKey}>
        after {formatStart(range.start)}, before {formatEnd(range.end)}
      </KeyField>
    </RequestForm>
  );
}

function MoveForm({ range, context, close }: FormProps) {
  const held = range.replicas.map(({ node }) => node);
  const others = [...context.names.rows.values()].filter(
    ({ id, mode }) => !held.includes(id) && mode !== 'gone',
  );
  const [from, setFrom] = useState(held.find((node) => node !== range.owner) ?? range.owner);
  const [to, setTo] = useState(others[0]?.id ?? '');
  const isComplete = from !== '' && to !== '';
  const request: TaskRequestBody | null = isComplete ? { kind: 'move', range: range.id, from, to } : null;
  return (
    <RequestForm
      context={context}
      title={`Move a replica of range ${range.id}`}
      verb="Move"
      request={request}
      close={close}
    >
      <NodeField label="From" nodes={nodesOf(context, held)} value={from} set={setFrom} />
      <NodeField label="To" nodes={others} value={to} set={setTo} none="every node has one" />
    </RequestForm>
  );
}

function TransferForm({ range, context, close }: FormProps) {
  const followers = range.replicas.map(({ node }) => node).filter((node) => node !== range.owner);
  const [node, setNode] = useState(followers[0] ?? '');
  const request: TaskRequestBody | null = node === '' ? null : { kind: 'transfer', range: range.id, node };
  return (
    <RequestForm
      context={context}
      title={`Make another node the owner of range ${range.id}`}
      verb="Transfer"
      request={request}
      close={close}
    >
      <NodeField
        label="To"
        nodes={nodesOf(context, followers)}
        value={node}
        set={setNode}
        none="there is no other replica"
      />
    </RequestForm>
  );
}

function IsolateForm({ range, context, close }: FormProps) {
  const [key, setKey] = useState('');
  const [node, setNode] = useState('');
  const on = node === '' ? {} : { node };
  const request: TaskRequestBody =
    key === '' ? { kind: 'isolate', range: range.id, ...on } : { kind: 'isolate-key', key, ...on };
  return (
    <RequestForm
      context={context}
      title={`Isolate range ${range.id}, or one key`}
      verb="Isolate"
      request={request}
      close={close}
    >
      <KeyField label="Only the key" value={key} set={setKey}>
        empty: the whole range
      </KeyField>
      <NodeField
        label="On"
        nodes={[...context.names.rows.values()].filter(({ mode }) => mode === 'active')}
        value={node}
        set={setNode}
        none="a node that the coordinator chooses"
      />
    </RequestForm>
  );
}

function nodesOf({ names }: RequestContext, ids: readonly string[]): readonly NodeRow[] {
  return ids.flatMap((id) => names.rows.get(id) ?? []);
}

interface KeyFieldProps {
  readonly label: string;
  readonly value: string;
  readonly set: (value: string) => void;
  /** What may be given. */
  readonly children: ComponentChildren;
}

function KeyField({ label, value, set, children }: KeyFieldProps) {
  const hint = useId();
  return (
    <div>
      <label>
        {label}{' '}
        <input
          type="text"
          class="key"
          autocomplete="off"
          spellcheck={false}
          aria-describedby={hint}
          value={value}
          onInput={(event) => set(event.currentTarget.value)}
        />
      </label>
      <small id={hint}>{children}</small>
    </div>
  );
}

interface NodeFieldProps {
  readonly label: string;
  readonly nodes: readonly NodeRow[];
  readonly value: string;
  readonly set: (value: string) => void;
  /** What it means to choose none. It can be chosen if it is chosen at first. */
  readonly none?: string;
}

function NodeField({ label, nodes, value, set, none }: NodeFieldProps) {
  const [mayBeNone] = useState(value === '');
  return (
    <label>
      {label}{' '}
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        {mayBeNone && none !== undefined && <option value="">{none}</option>}
        {nodes.map(({ id, name, alive }) => (
          <option key={id} value={id}>
            {name}
            {alive ? '' : ' (down)'}
          </option>
        ))}
      </select>
    </label>
  );
}
