// The HTTP API: thin, every request is one call of the smart client of its namespace. Bodies are in answers.ts.

import type { FastifyInstance } from 'fastify';
import { type Bytes, formatBytes } from '../common/base/bytes.ts';
import type { Client, Freshness, Provenance, ScanPageOptions } from '../common/client/api.ts';
import { LIMITS } from '../common/model/config.ts';
import type { NamespaceRecord } from '../common/model/records.ts';
import type {
  Age,
  DeletedAnswer,
  ErrorAnswer,
  FoundAnswer,
  PageAnswer,
  Whence,
  WrittenAnswer,
} from './answers.ts';
import { notFound } from './http-error.ts';
import { Query, readBody, readRevision, readValue } from './request.ts';

export interface ApiOptions {
  readonly namespaces: () => Promise<readonly NamespaceRecord[]>;
  /** Rejects with UNKNOWN_NAMESPACE, NO_CLUSTER. */
  readonly client: (namespace: string) => Promise<Client>;
}

type InNamespace = { Params: { namespace: string } };

const SCAN_PARAMETERS = ['prefix', 'start', 'end', 'limit', 'cursor', 'reverse', 'read', 'valueBytes'];

export function addApi(app: FastifyInstance, { namespaces, client }: ApiOptions): void {
  app.get('/api/namespaces', () => namespaces());

  app.get<InNamespace>('/api/namespaces/:namespace/keys', async (request): Promise<PageAnswer> => {
    const query = new Query(request.query, SCAN_PARAMETERS);
    const options = scanOptions(query);
    const valueBytes = query.integer('valueBytes', 0, LIMITS.valueBytesMax) ?? LIMITS.valueBytesMax;
    const page = await (await client(request.params.namespace)).scanPage({
      ...options,
      keysOnly: false,
    });
    const rows = page.rows.map(({ key, value, revision }) => ({
      key: formatBytes(key),
      revision,
      size: value.length,
      value: base64(value.subarray(0, valueBytes)),
    }));
    return { rows, cursor: page.cursor, ...age(page) };
  });

  app.get<InNamespace>(
    '/api/namespaces/:namespace/key',
    async (request, reply): Promise<FoundAnswer | ErrorAnswer> => {
      const query = new Query(request.query, ['key', 'read']);
      const key = query.key();
      const read = query.readMode();
      const found = await (await client(request.params.namespace)).get(key, { read });
      if (found !== null) {
        const { value, revision } = found;
        return { key: formatBytes(key), value: base64(value), revision, ...age(found), ...whence(found) };
      }
      const { status, answer } = notFound(`no key ${formatBytes(key)}`);
      reply.code(status);
      return answer;
    },
  );

  app.put<InNamespace>('/api/namespaces/:namespace/key', async (request): Promise<WrittenAnswer> => {
    const key = new Query(request.query, ['key']).key();
    const body = readBody(request.body, ['value', 'ifRevision']);
    const value = readValue(body.value);
    const guard = revisionGuard(body.ifRevision);
    const written = await (await client(request.params.namespace)).put(key, value, guard);
    return { revision: written.revision, ...whence(written) };
  });

  app.delete<InNamespace>('/api/namespaces/:namespace/key', async (request): Promise<DeletedAnswer> => {
    const key = new Query(request.query, ['key']).key();
    const guard = revisionGuard(readBody(request.body, ['ifRevision']).ifRevision);
    const deleted = await (await client(request.params.namespace)).delete(key, guard);
    return { revision: deleted.revision, existed: deleted.existed, ...whence(deleted) };
  });
}

function scanOptions(query: Query): ScanPageOptions {
  const prefix = query.bytes('prefix');
  const start = query.bytes('start');
  const end = query.bytes('end');
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
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

function age({ stale, staleMs }: Freshness): Age {
  return { stale, staleMs };
}

function whence({ range, epoch, node }: Provenance): Whence {
  return { range, epoch, node };
}
