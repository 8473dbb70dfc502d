// The exit codes, on which scripts rely, and an error that ends the process with one of them.

export const EXIT = {
  ok: 0,
  failed: 1,
  cannotConnect: 2,
  notFound: 3,
  conflict: 4,
  /** The range has no owner, or is read-only for now. */
  unavailable: 5,
  outcomeUnknown: 6,
  usage: 64,
  interrupted: 130,
  /** Nobody reads the output any more: as a shell reports a program that SIGPIPE has ended. */
  readerGone: 141,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the process with this code when runMain catches it. The message goes to stdout for code 0, else to stderr. */
export class ProcessExit extends Error {
  override readonly name = 'ProcessExit';
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}
