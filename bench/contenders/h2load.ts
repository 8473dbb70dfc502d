// h2load, nghttp2's load generator in C, on etcd's gRPC: cheaper than any Node client, so that etcd has the cores for
// itself. It repeats one request with a body laid by hand.

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SlotResult } from '../load/slot.ts';
import { Histogram } from '../stats/histogram.ts';

const MICROSECONDS = 1_000;
/** Flag and length ahead of a gRPC message. */
const GRPC_HEAD = 5;
const KEY_FIELD = 1;
const PUT_VALUE_FIELD = 2;
const RANGE_END_FIELD = 2;
const RANGE_LIMIT_FIELD = 3;

export interface H2loadRequest {
  readonly path: string;
  readonly body: Buffer;
}

export function putRequest(key: string, value: string): H2loadRequest {
  const body = Buffer.concat([bytesField(KEY_FIELD, key), bytesField(PUT_VALUE_FIELD, value)]);
  return { path: '/etcdserverpb.KV/Put', body: grpc(body) };
}

/** Linearizable, as etcd's ranges are unless they say `serializable`. */
export function getRequest(key: string): H2loadRequest {
  return { path: '/etcdserverpb.KV/Range', body: grpc(bytesField(KEY_FIELD, key)) };
}

export function rangeRequest(start: string, end: string, limit: number): H2loadRequest {
  const bounds = [bytesField(KEY_FIELD, start), bytesField(RANGE_END_FIELD, end)];
  const body = Buffer.concat([...bounds, Buffer.from([RANGE_LIMIT_FIELD << 3]), varint(limit)]);
  return { path: '/etcdserverpb.KV/Range', body: grpc(body) };
}

export interface H2loadRun {
  readonly program: string;
  readonly directory: string;
  readonly address: string;
  readonly connections: number;
  /** Requests in flight on each connection. */
  readonly streams: number;
  readonly warmUpMs: number;
  readonly ms: number;
  readonly request: H2loadRequest;
  /** What each answer must hold; h2load cannot look into answers, but it counts bytes. */
  readonly answerBytes: number;
}

/** Answers that were counted; throws where some were no answers. */
export async function runH2load(run: H2loadRun): Promise<SlotResult> {
  const body = join(run.directory, 'h2load-body');
  const log = join(run.directory, 'h2load-log');
  writeFileSync(body, run.request.body);
  writeFileSync(log, '');
  const seconds = run.ms / 1_000;
  const load = ['-c', String(run.connections), '-m', String(run.streams), '-t', '1'];
  const time = ['-D', `${run.ms}ms`, `--warm-up-time=${run.warmUpMs}ms`];
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers', '-d', body];
  const said = await output(run.program, [
    ...load,
    ...time,
    ...headers,
    `--log-file=${log}`,
    run.address + run.request.path,
  ]);
  const done = number(/(\d+) succeeded/, said);
  const failed = number(/(\d+) failed/, said);
  const traffic = number(/\((\d+)\) data/, said);
  // A refusal by gRPC has status 200 and no body: then the bytes are missing.
  if (traffic < done * run.answerBytes)
    throw new Error(`etcd refused requests of h2load: ${traffic} bytes for ${done} answers`);
  const latencies = latenciesIn(readFileSync(log, 'utf8'));
  return {
    done,
    seconds,
    rows: 0,
    quantiles: latencies.quantiles(),
    longestMs: latencies.longestMs,
    errors: failed > 0 ? { FAILED: failed } : {},
    latenessMs: 0,
  };
}

/** Lines of begin (microseconds), status, duration (microseconds). */
function latenciesIn(log: string): Histogram {
  const histogram = new Histogram();
  for (const line of log.split('\n')) {
    const duration = line.split('\t')[2];
    if (duration !== undefined) histogram.record(Number(duration) / MICROSECONDS);
  }
  return histogram;
}

function number(pattern: RegExp, text: string): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`h2load said nothing of ${pattern}: ${text}`);
  return Number(found);
}

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (text) => {
      said += text;
    });
    child.stderr.on('data', (text) => {
      said += text;
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(said) : reject(new Error(`h2load failed: ${said}`))));
  });
}

function grpc(message: Buffer): Buffer {
  const head = Buffer.alloc(GRPC_HEAD);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function bytesField(field: number, content: string): Buffer {
  return Buffer.concat([
    Buffer.from([(field << 3) | 2]),
    varint(content.length),
    Buffer.from(content, 'latin1'),
  ]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
