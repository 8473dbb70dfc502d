// The answer to a failed request. Its body is always { code, message, applied, retry }. Programs should use the code; the HTTP
// status is the one that fits it best.

import { ERROR_TABLE, type ErrorCode, RangekeeperError } from '../common/base/errors.ts';
import type { ErrorAnswer } from './answers.ts';

const STATUS: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  UNKNOWN_NAMESPACE: 404,
  NOT_OWNER: 503,
  STALE_EPOCH: 503,
  WRONG_RANGE: 503,
  NO_OWNER: 503,
  READ_ONLY: 503,
  NOT_READY: 503,
  OVERLOADED: 503,
  CONFLICT: 409,
  CROSS_RANGE: 400,
  BEHIND: 503,
  DEADLINE: 504,
  OUTCOME_UNKNOWN: 504,
  UNREACHABLE: 502,
  WRONG_CLUSTER: 502,
  MALFORMED: 502,
  CLOSED: 503,
  NO_CLUSTER: 503,
  INTERNAL: 500,
  CLIENT_FORGOTTEN: 504,
  REFUSED: 409,
  ABORTED: 503,
};

/** The key is absent. This is an answer, not a failure of the store. */
export class NoSuchKey extends Error {
  override readonly name = 'NoSuchKey';
}

export interface Failure {
  readonly status: number;
  readonly answer: ErrorAnswer;
}

export function failure(code: ErrorCode, message: string, status = STATUS[code]): Failure {
  const { applied, retry } = ERROR_TABLE[code];
  return { status, answer: { code, message, applied, retry } };
}

export function notFound(message: string): Failure {
  return { status: 404, answer: { code: 'NOT_FOUND', message, applied: 'no', retry: 'never' } };
}

export function forbidden(message: string): Failure {
  return { status: 403, answer: { code: 'FORBIDDEN', message, applied: 'no', retry: 'never' } };
}

/** The answer for an error that a handler threw. `defect`: the error is a defect of the webserver, and must be logged. */
export function failureOf(error: unknown): Failure & { readonly defect: boolean } {
  if (error instanceof RangekeeperError) {
    const { revision } = error.details;
    const { status, answer } = failure(error.code, error.message);
    return {
      status,
      answer: revision === undefined ? answer : { ...answer, revision },
      defect: error.code === 'INTERNAL',
    };
  }
  if (error instanceof NoSuchKey) return { ...notFound(error.message), defect: false };
  const status = httpStatus(error);
  if (status === 403) return { ...forbidden('this path is not allowed'), defect: false };
  // Fastify's own errors (bad JSON, wrong content type, too large) are about the request, and may be shown.
  if (status >= 400 && status < 500)
    return { ...failure('INVALID_ARGUMENT', messageOf(error), status), defect: false };
  return { ...failure('INTERNAL', 'a defect in the webserver; its log says more'), defect: true };
}

function httpStatus(error: unknown): number {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : 500;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
