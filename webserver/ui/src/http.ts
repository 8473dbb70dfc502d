// Calls of the webserver's API. A failure is a value, not an exception, because the component that made the call shows it. Keys are
// in text form on the page, and percent-encoded bytes in a URL.

import { type Bytes, parseBytes } from '../../../common/base/bytes.ts';
import { percentEncode } from '../../../common/base/percent-encoding.ts';
import type {
  DeleteBody,
  DeletedAnswer,
  ErrorAnswer,
  FoundAnswer,
  PageAnswer,
  PutBody,
  TaskAnswer,
  TaskBody,
  WrittenAnswer,
} from '../../answers.ts';

export type Outcome<T> =
  | { readonly kind: 'ok'; readonly answer: T }
  | { readonly kind: 'failed'; readonly error: ErrorAnswer };

export interface ScanRequest {
  readonly namespace: string;
  readonly by: 'prefix' | 'start';
  /** The prefix or the first key, in text form; empty: all keys. */
  readonly text: string;
  readonly reverse: boolean;
  readonly read: string;
  readonly limit: number;
}

/** How many bytes of each value the list needs. */
const PREVIEW_BYTES = 96;

export function scan(request: ScanRequest, cursor: string | null): Promise<Outcome<PageAnswer>> {
  return withBytes(request.text, (bound) =>
    call('GET', `${folder(request.namespace)}/keys`, {
      limit: String(request.limit),
      read: request.read,
      valueBytes: String(PREVIEW_BYTES),
      ...(bound.length === 0 ? {} : { [request.by]: bound }),
      ...(request.reverse ? { reverse: '1' } : {}),
      ...(cursor === null ? {} : { cursor }),
    }),
  );
}

export function get(namespace: string, key: string, readMode: string): Promise<Outcome<FoundAnswer>> {
  return withBytes(key, (bytes) => call('GET', `${folder(namespace)}/key`, { key: bytes, read: readMode }));
}

export function put(namespace: string, key: string, body: PutBody): Promise<Outcome<WrittenAnswer>> {
  return withBytes(key, (bytes) => call('PUT', `${folder(namespace)}/key`, { key: bytes }, body));
}

export function remove(namespace: string, key: string, body: DeleteBody): Promise<Outcome<DeletedAnswer>> {
  return withBytes(key, (bytes) => call('DELETE', `${folder(namespace)}/key`, { key: bytes }, body));
}

export function askForTask(namespace: string, body: TaskBody): Promise<Outcome<TaskAnswer>> {
  return call('POST', `${folder(namespace)}/tasks`, {}, body);
}

/** Makes a call with the bytes of a typed text form. If it is none, the call fails at once, and nothing is sent. */
async function withBytes<T>(text: string, make: (bytes: Bytes) => Promise<Outcome<T>>): Promise<Outcome<T>> {
  let bytes: Bytes;
  try {
    bytes = parseBytes(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      kind: 'failed',
      error: { code: 'INVALID_ARGUMENT', message, applied: 'no', retry: 'never' },
    };
  }
  return make(bytes);
}

function folder(namespace: string): string {
  return `./api/namespaces/${encodeURIComponent(namespace)}`;
}

async function call<T>(
  method: 'GET' | 'PUT' | 'DELETE' | 'POST',
  path: string,
  query: Readonly<Record<string, string | Bytes>>,
  body?: PutBody | DeleteBody | TaskBody,
): Promise<Outcome<T>> {
  const parameters = Object.entries(query).map(([name, value]) => `${name}=${percentEncode(value)}`);
  try {
    const response = await fetch(
      [path, ...(parameters.length === 0 ? [] : [parameters.join('&')])].join('?'),
      {
        method,
        cache: 'no-store',
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      },
    );
    const answer: unknown = await response.json();
    return response.ok
      ? { kind: 'ok', answer: answer as T }
      : { kind: 'failed', error: answer as ErrorAnswer };
  } catch {
    return { kind: 'failed', error: method === 'GET' ? UNREACHABLE : UNKNOWN };
  }
}

const UNREACHABLE: ErrorAnswer = {
  code: 'UNREACHABLE',
  message: 'the webserver does not answer',
  applied: 'no',
  retry: 'backoff',
};

const UNKNOWN: ErrorAnswer = {
  code: 'OUTCOME_UNKNOWN',
  message: 'the webserver did not answer',
  applied: 'unknown',
  retry: 'never',
};
