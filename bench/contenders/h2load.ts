// Loads etcd's gRPC with h2load, the load generator of nghttp2. It is written in C and cheaper than any Node client, so that etcd
// gets the cores. It repeats one request, whose body is encoded here.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SlotResult } from '../load/slot.ts';
import { Latencies } from '../stats/summary.ts';

const MICROSECONDS = 1_000;
/** Size of the flag and the length before a gRPC message. */
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
  return request('Put', textField(KEY_FIELD, key), textField(PUT_VALUE_FIELD, value));
}

/** A linearizable read, which is etcd's default. */
export function getRequest(key: string): H2loadRequest {
  return request('Range', textField(KEY_FIELD, key));
}

export function rangeRequest(start: string, end: string, limit: number): H2loadRequest {
  const limitField = Buffer.from([RANGE_LIMIT_FIELD << 3, ...varint(limit)]);
  return request('Range', textField(KEY_FIELD, start), textField(RANGE_END_FIELD, end), limitField);
}

export interface H2loadRun {
  readonly program: string;
  readonly directory: string;
  readonly address: string;
  /** Number of requests in flight on the one connection. */
  readonly streams: number;
  readonly warmUpMs: number;
  readonly ms: number;
  readonly request: H2loadRequest;
  /** Minimum size of an answer: h2load does not decode answers, but counts their bytes. */
  readonly answerBytes: number;
}

/** Runs h2load and returns its counts. Throws if some answers were refusals. */
export async function runH2load(run: H2loadRun): Promise<SlotResult> {
  const body = join(run.directory, 'h2load-body');
  const log = join(run.directory, 'h2load-log');
  writeFileSync(body, run.request.body);
  writeFileSync(log, '');
  const { stdout } = await promisify(execFile)(run.program, [
    ...['-c', '1', '-m', String(run.streams), '-t', '1'],
    ...['-D', `${run.ms}ms`, `--warm-up-time=${run.warmUpMs}ms`],
    ...['-H', 'content-type: application/grpc', '-H', 'te: trailers', '-d', body],
    ...[`--log-file=${log}`, run.address + run.request.path],
  ]);
  const done = numberIn(stdout, /(\d+) succeeded/);
  const failed = numberIn(stdout, /(\d+) failed/);
  const traffic = numberIn(stdout, /\((\d+)\) data/);
  // A refusal by gRPC has status 200 and no body, so there are too few bytes.
  if (traffic < done * run.answerBytes)
    throw new Error(`etcd refused requests of h2load: ${traffic} bytes for ${done} answers`);
  const quantiles = latenciesIn(readFileSync(log, 'utf8')).quantiles();
  return { done, seconds: run.ms / 1_000, rows: 0, quantiles, errors: failed > 0 ? { FAILED: failed } : {} };
}

/** Each line has the start (µs), the status and the duration (µs). */
function latenciesIn(log: string): Latencies {
  const latencies = new Latencies();
  for (const line of log.split('\n')) {
    const duration = line.split('\t')[2];
    if (duration !== undefined) latencies.record(Number(duration) / MICROSECONDS);
  }
  return latencies;
}

function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`h2load printed nothing like ${pattern}: ${text}`);
  return Number(found);
}

function request(method: string, ...fields: readonly Buffer[]): H2loadRequest {
  const message = Buffer.concat(fields);
  const head = Buffer.alloc(GRPC_HEAD);
  head.writeUInt32BE(message.length, 1);
  return { path: `/etcdserverpb.KV/${method}`, body: Buffer.concat([head, message]) };
}

function textField(field: number, text: string): Buffer {
  return Buffer.concat([
    Buffer.from([(field << 3) | 2, ...varint(text.length)]),
    Buffer.from(text, 'latin1'),
  ]);
}

function varint(value: number): number[] {
  return value > 0x7f ? [(value & 0x7f) | 0x80, ...varint(value >>> 7)] : [value];
}
