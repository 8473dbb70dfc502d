// The HTTP API. Every request is one call of the client of its namespace. The bodies are in answers.ts.

import type { Client, ScanPageOptions } from '../client/api.ts';
import { type Bytes, formatBytes } from '../common/base/bytes.ts';
import type { Env } from '../common/base/env.ts';
import { LIMITS } from '../common/model/config.ts';
import type { NamespaceRecord } from '../common/model/records.ts';
import type {
  DeletedAnswer,
  FoundAnswer,
  Freshness,
  PageAnswer,
  Provenance,
  WrittenAnswer,
} from './answers.ts';
import { NoSuchKey } from './http-error.ts';
import { Query, readBody, readRevision, readValue } from './request.ts';
import { askForTask } from './task-api.ts';

export interface ApiOptions {
  readonly env: Env;
  readonly namespaces: () => Promise<readonly NamespaceRecord[]>;
  /** Rejects with UNKNOWN_NAMESPACE, NO_CLUSTER. */
  readonly client: (namespace: string) => Promise<Client>;
}

const SCAN_PARAMETERS = ['prefix', 'start', 'end', 'limit', 'cursor', 'reverse', 'read', 'valueBytes'];

/** The parts of a request, not yet checked. */
export interface ApiRequest {
  readonly namespace: string;
  /** What follows the `?` of the URL, as it was sent. */
  readonly query: string;
  readonly body: unknown;
}

export interface Route {
  readonly method: 'GET' | 'PUT' | 'DELETE' | 'POST';
  readonly path: string;
  /** Resolves with the body of the answer. Rejects with RangekeeperError or {@link NoSuchKey}. */
  readonly handle: (request: ApiRequest) => Promise<object>;
}

/** The routes of the API. Parameters in a path are `:name`. */
export function apiRoutes({ env, namespaces, client }: ApiOptions): readonly Route[] {
  const keys = '/api/namespaces/:namespace/keys';
  const key = '/api/namespaces/:namespace/key';
  return [
    { method: 'GET', path: '/api/namespaces', handle: (request) => list(request, namespaces) },
    { method: 'GET', path: keys, handle: (request) => scan(request, client) },
    { method: 'GET', path: key, handle: (request) => get(request, client) },
    { method: 'PUT', path: key, handle: (request) => put(request, client) },
    { method: 'DELETE', path: key, handle: (request) => remove(request, client) },
    {
      method: 'POST',
      path: '/api/namespaces/:namespace/tasks',
      handle: ({ namespace, query, body }) => {
        new Query(query, []);
        return askForTask(env, body, () => client(namespace));
      },
    },
  ];
}

type ClientOf = ApiOptions['client'];

async function list({ query }: ApiRequest, namespaces: ApiOptions['namespaces']): Promise<object> {
  new Query(query, []);
  return namespaces();
}

async function scan({ namespace, query }: ApiRequest, client: ClientOf): Promise<PageAnswer> {
  const parameters = new Query(query, SCAN_PARAMETERS);
  const options = scanOptions(parameters);
  const page = await (await client(namespace)).scanPage(options);
  const rows = page.rows.map(({ key, value, revision, valueLength }) => ({
    key: formatBytes(key),
    revision,
    size: valueLength ?? value.length,
    value: base64(value),
  }));
  return { rows, cursor: page.cursor, ...freshnessOf(page) };
}

async function get({ namespace, query }: ApiRequest, client: ClientOf): Promise<FoundAnswer> {
  const parameters = new Query(query, ['key', 'read']);
  const key = parameters.key();
  const read = parameters.readMode();
  const found = await (await client(namespace)).get(key, { read });
  if (found === null) throw new NoSuchKey(`no key ${formatBytes(key)}`);
  const { value, revision } = found;
  return {
    key: formatBytes(key),
    value: base64(value),
    revision,
    ...freshnessOf(found),
    ...provenanceOf(found),
  };
}

async function put({ namespace, query, body }: ApiRequest, client: ClientOf): Promise<WrittenAnswer> {
  const key = new Query(query, ['key']).key();
  const { value, ifRevision } = readBody(body, ['value', 'ifRevision']);
  const bytes = readValue(value);
  const guard = revisionGuard(ifRevision);
  const written = await (await client(namespace)).put(key, bytes, guard);
  return { revision: written.revision, ...provenanceOf(written) };
}

async function remove({ namespace, query, body }: ApiRequest, client: ClientOf): Promise<DeletedAnswer> {
  const key = new Query(query, ['key']).key();
  const guard = revisionGuard(readBody(body, ['ifRevision']).ifRevision);
  const deleted = await (await client(namespace)).delete(key, guard);
  return { revision: deleted.revision, existed: deleted.existed, ...provenanceOf(deleted) };
}

function scanOptions(query: Query): ScanPageOptions {
  const prefix = query.bytes('prefix');
  const start = query.bytes('start');
  const end = query.bytes('end');
  const valueBytesMax = query.integer('valueBytes', 0, LIMITS.valueBytesMax);
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(valueBytesMax === undefined ? {} : { valueBytesMax }),
    limit: query.integer('limit', 1, LIMITS.pageRowsMax) ?? 100,
    cursor: query.text('cursor') ?? null,
    reverse: query.flag('reverse'),
    read: query.readMode(),
  };
}

function revisionGuard(value: unknown): { ifRevision?: number } {
  const ifRevision = readRevision(value);
  return ifRevision === undefined ? {} : { ifRevision };
}

function base64(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function freshnessOf({ stale, staleMs }: Freshness): Freshness {
  return { stale, staleMs };
}

function provenanceOf({ range, epoch, node }: Provenance): Provenance {
  return { range, epoch, node };
}
