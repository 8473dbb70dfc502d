// What all commands of one run share, and what a verb is: it gets the session in each call, and the session has the verbs
// for `help` and for completion.

import type { Readable } from 'node:stream';
import type { Client } from '../client/api.ts';
import type { Env } from '../common/base/env.ts';
import type { Answer } from './answer.ts';
import type { Arguments, Signature } from './arguments.ts';
import type { OutputFormat } from './format/format.ts';
import type { Screen } from './screen.ts';

export interface Session {
  readonly env: Env;
  readonly screen: Screen;
  readonly format: OutputFormat;
  readonly verbs: readonly Verb[];
  /** Whether a person types: then small notes go to stderr as well. */
  readonly interactive: boolean;
  /** Standard input, for `import -`; null where the commands themselves come from it. */
  readonly input: Readable | null;
  /** Connects at the first call, so that `help` needs no cluster. */
  client(): Promise<Client>;
}

export interface Call {
  readonly session: Session;
  readonly args: Arguments;
  /** Aborted by Ctrl-C or a signal to stop. */
  readonly signal: AbortSignal;
  /** Says a line on stderr, behind the answer. */
  remark(line: string): void;
}

export interface Verb extends Signature {
  readonly aliases?: readonly string[];
  /** One line. */
  readonly summary: string;
  /** More lines, for `help VERB`. */
  readonly details?: string;
  run(call: Call): Promise<Answer>;
}
