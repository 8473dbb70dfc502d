// Which keys to list, and how to read them.

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
        <label>
          Namespace
          <select
            value={request.namespace}
            onChange={(event) => change({ ...request, text: '', namespace: event.currentTarget.value })}
          >
            {namespaces.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      <label>
        Keys
        <select
          value={request.by}
          onChange={(event) =>
            change({ ...request, text, by: event.currentTarget.value === 'start' ? 'start' : 'prefix' })
          }
        >
          <option value="prefix">with prefix</option>
          <option value="start">from key</option>
        </select>
      </label>
      <label class="grow">
        {request.by === 'prefix' ? 'Prefix' : 'First key'}
        <input
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          placeholder="empty: all keys"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
        />
      </label>
      <label>
        Read
        <select
          value={request.read}
          onChange={(event) => change({ ...request, read: event.currentTarget.value })}
        >
          {READ_MODES.map(({ mode, label }) => (
            <option key={mode} value={mode}>
              {label}
            </option>
          ))}
        </select>
      </label>
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
