// Calls of the webserver's API. A failure is a value, not an exception, because the component that made the call shows it.

import type {
  DeleteBody,
  DeletedAnswer,
  ErrorAnswer,
  FoundAnswer,
  PageAnswer,
  PutBody,
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

export function scan(request: ScanRequest, cursor: string | null): Promise<Outcome<PageAnswer>> {
  const query = {
    limit: String(request.limit),
    read: request.read,
    valueBytes: '96',
    ...(request.text === '' ? {} : { [request.by]: request.text }),
    ...(request.reverse ? { reverse: '1' } : {}),
    ...(cursor === null ? {} : { cursor }),
  };
  return call('GET', `${folder(request.namespace)}/keys`, query);
}

export function get(namespace: string, key: string, readMode: string): Promise<Outcome<FoundAnswer>> {
  return call('GET', `${folder(namespace)}/key`, { key, read: readMode });
}

export function put(namespace: string, key: string, body: PutBody): Promise<Outcome<WrittenAnswer>> {
  return call('PUT', `${folder(namespace)}/key`, { key }, body);
}

export function remove(namespace: string, key: string, body: DeleteBody): Promise<Outcome<DeletedAnswer>> {
  return call('DELETE', `${folder(namespace)}/key`, { key }, body);
}

function folder(namespace: string): string {
  return `./api/namespaces/${encodeURIComponent(namespace)}`;
}

async function call<T>(
  method: 'GET' | 'PUT' | 'DELETE',
  path: string,
  query: Readonly<Record<string, string>>,
  body?: PutBody | DeleteBody,
): Promise<Outcome<T>> {
  // URLSearchParams would turn half of a surrogate pair into another character.
  if (!Object.values(query).every((text) => text.isWellFormed())) return { kind: 'failed', error: NO_TEXT };
  try {
    const response = await fetch(`${path}?${new URLSearchParams(query)}`, {
      method,
      cache: 'no-store',
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    return response.ok
      ? { kind: 'ok', answer: answer as T }
      : { kind: 'failed', error: answer as ErrorAnswer };
  } catch {
    return { kind: 'failed', error: method === 'GET' ? UNREACHABLE : UNKNOWN };
  }
}

const NO_TEXT: ErrorAnswer = {
  code: 'INVALID_ARGUMENT',
  message: 'this is not well-formed Unicode: half of a surrogate pair is missing',
  applied: 'no',
  retry: 'never',
};

const UNREACHABLE: ErrorAnswer = {
  code: 'UNREACHABLE',
  message: 'the webserver does not answer',
  applied: 'no',
  retry: 'backoff',
};

const UNKNOWN: ErrorAnswer = {
  code: 'OUTCOME_UNKNOWN',
  message: 'the webserver did not answer; the write may have been applied',
  applied: 'unknown',
  retry: 'never',
};
