// The form that says which keys to list, and how to read them.

import { useEffect, useState } from 'preact/hooks';
import type { ScanRequest } from './http.ts';

interface ScanFormProps {
  readonly request: ScanRequest;
  readonly namespaces: readonly string[];
  readonly change: (request: ScanRequest) => void;
}

const READ_MODES = [
  { mode: 'linearizable', label: 'linearizable' },
  { mode: 'fallback', label: 'fallback to a replica' },
  { mode: 'stale', label: 'stale, from any replica' },
] as const;

export function ScanForm({ request, namespaces, change }: ScanFormProps) {
  const [text, setText] = useState(request.text);
  useEffect(() => setText(request.text), [request]);
  const submit = (event: Event): void => {
    event.preventDefault();
    change({ ...request, text });
  };
  return (
    <form class="scan-form" onSubmit={submit}>
      {namespaces.length > 1 && (
        <NamespaceSelect
          namespace={request.namespace}
          namespaces={namespaces}
          set={(namespace) => change({ ...request, text: '', namespace })}
        />
      )}
      <BoundSelect by={request.by} set={(by) => change({ ...request, text, by })} />
      <BoundInput by={request.by} text={text} set={setText} />
      <ReadModeSelect read={request.read} set={(read) => change({ ...request, read })} />
      <label class="tick">
        <input
          type="checkbox"
          checked={request.reverse}
          onChange={(event) => change({ ...request, text, reverse: event.currentTarget.checked })}
        />
        last first
      </label>
      <button type="submit" class="primary">
        Show
      </button>
    </form>
  );
}

interface NamespaceSelectProps {
  readonly namespace: string;
  readonly namespaces: readonly string[];
  readonly set: (namespace: string) => void;
}

function NamespaceSelect({ namespace, namespaces, set }: NamespaceSelectProps) {
  return (
    <label>
      Namespace
      <select value={namespace} onChange={(event) => set(event.currentTarget.value)}>
        {namespaces.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

type Bound = ScanRequest['by'];

function BoundSelect({ by, set }: { by: Bound; set: (by: Bound) => void }) {
  return (
    <label>
      Keys
      <select
        value={by}
        onChange={(event) => set(event.currentTarget.value === 'start' ? 'start' : 'prefix')}
      >
        <option value="prefix">with prefix</option>
        <option value="start">from key</option>
      </select>
    </label>
  );
}

function BoundInput({ by, text, set }: { by: Bound; text: string; set: (text: string) => void }) {
  return (
    <label class="grow">
      {by === 'prefix' ? 'Prefix' : 'First key'}
      <input
        value={text}
        onInput={(event) => set(event.currentTarget.value)}
        placeholder="empty: all keys"
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
      />
    </label>
  );
}

function ReadModeSelect({ read, set }: { read: string; set: (read: string) => void }) {
  return (
    <label>
      Read
      <select value={read} onChange={(event) => set(event.currentTarget.value)}>
        {READ_MODES.map(({ mode, label }) => (
          <option key={mode} value={mode}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
