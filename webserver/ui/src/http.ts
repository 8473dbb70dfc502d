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
  const query = new URLSearchParams({
    limit: String(request.limit),
    read: request.read,
    valueBytes: '96',
  });
  if (request.text !== '') query.set(request.by, request.text);
  if (request.reverse) query.set('reverse', '1');
  if (cursor !== null) query.set('cursor', cursor);
  return call('GET', `${folder(request.namespace)}/keys?${query}`);
}

export function get(namespace: string, key: string, readMode: string): Promise<Outcome<FoundAnswer>> {
  return call('GET', `${folder(namespace)}/key?${new URLSearchParams({ key, read: readMode })}`);
}

export function put(namespace: string, key: string, body: PutBody): Promise<Outcome<WrittenAnswer>> {
  return call('PUT', `${folder(namespace)}/key?${new URLSearchParams({ key })}`, body);
}

export function remove(namespace: string, key: string, body: DeleteBody): Promise<Outcome<DeletedAnswer>> {
  return call('DELETE', `${folder(namespace)}/key?${new URLSearchParams({ key })}`, body);
}

function folder(namespace: string): string {
  return `./api/namespaces/${encodeURIComponent(namespace)}`;
}

async function call<T>(
  method: 'GET' | 'PUT' | 'DELETE',
  url: string,
  body?: PutBody | DeleteBody,
): Promise<Outcome<T>> {
  try {
    const response = await fetch(url, {
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
