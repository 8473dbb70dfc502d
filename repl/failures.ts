// The errors of the REPL itself, and how any error is reported: as an exit code (README.md#the-repl) and as a line for people.

import { never } from '../common/base/assert.ts';
import { type ErrorCode, RangekeeperError } from '../common/base/errors.ts';
import { EXIT, type ExitCode } from '../common/process/exit.ts';
import { visibleLine } from '../common/process/visible.ts';

/** The REPL does not know the command, or its arguments are wrong. Nothing was sent. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Ctrl-C was pressed, or a signal asked the process to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  constructor(message = 'interrupted') {
    super(message);
  }
}

/** The reader of stdout has closed it (EPIPE), so the run ends. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof OutputClosed) return EXIT.readerGone;
  return error instanceof RangekeeperError ? exitCodeOfCode(error.code) : EXIT.failed;
}

function exitCodeOfCode(code: ErrorCode): ExitCode {
  switch (code) {
    case 'NO_CLUSTER':
    case 'WRONG_CLUSTER':
    case 'UNREACHABLE':
      return EXIT.cannotConnect;
    case 'CONFLICT':
      return EXIT.conflict;
    case 'NO_OWNER':
    case 'READ_ONLY':
    case 'NOT_READY':
      return EXIT.unavailable;
    case 'OUTCOME_UNKNOWN':
    case 'CLIENT_FORGOTTEN':
      return EXIT.outcomeUnknown;
    case 'INVALID_ARGUMENT':
    case 'REFUSED':
    case 'UNKNOWN_NAMESPACE':
    case 'NOT_OWNER':
    case 'STALE_EPOCH':
    case 'WRONG_RANGE':
    case 'OVERLOADED':
    case 'CROSS_RANGE':
    case 'BEHIND':
    case 'DEADLINE':
    case 'MALFORMED':
    case 'CLOSED':
    case 'INTERNAL':
      return EXIT.failed;
    case 'ABORTED':
      return EXIT.interrupted;
    default:
      return never(code);
  }
}

/** For stderr: one line, and the usage after a UsageError. */
export function describeError(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  if (error instanceof RangekeeperError) return visibleLine(`${error.code}: ${error.message}`);
  return visibleLine(error instanceof Error ? error.message : String(error));
}
