// The session, which all commands of one run share, and the interface of a verb. Each call of a verb gets the session; the
// session has all verbs, for `help` and completion.

import type { Readable } from 'node:stream';
import type { Client } from '../client/api.ts';
import type { Env } from '../common/base/env.ts';
import type { Answer } from './answer.ts';
import type { Arguments, Signature } from './arguments.ts';
import type { OutputFormat } from './format/format.ts';
import type { Pager } from './pager.ts';
import type { Screen } from './screen.ts';
import type { ViewAge } from './view-age.ts';

export interface Session {
  readonly env: Env;
  readonly screen: Screen;
  readonly format: OutputFormat;
  readonly verbs: readonly Verb[];
  /** When ZooKeeper last confirmed what the client knows of the cluster. */
  readonly viewAge: ViewAge;
  /** Whether a person types the commands. Then details that are not part of an answer go to stderr. */
  readonly interactive: boolean;
  /** Stops long answers at each screenful; null: nobody reads them at a terminal. */
  readonly pager: Pager | null;
  /** Asks the person at the prompt, and resolves with the line that is typed; null: nobody is there. */
  readonly question: ((text: string) => Promise<string>) | null;
  /** Standard input, for `import -`; null if the commands come from it. */
  readonly input: Readable | null;
  /** The namespace that commands work in now. */
  namespace(): string;
  /** The client of that namespace. Connects at the first call only, so that `help` needs no cluster. */
  client(): Promise<Client>;
  /**
   * Later commands work in another namespace. Resolves with its client. Rejects as `Client.inNamespace` does, and then, or once
   * `signal` is aborted, everything stays as it is.
   */
  use(namespace: string, signal: AbortSignal): Promise<Client>;
}

export interface Call {
  readonly session: Session;
  readonly args: Arguments;
  /** Aborted by Ctrl-C or a signal to stop. */
  readonly signal: AbortSignal;
  /** Writes a line to stderr after the answer. */
  remark(line: string): void;
}

export interface Verb extends Signature {
  readonly aliases?: readonly string[];
  /** One line. */
  readonly summary: string;
  /** More lines, for `help VERB`. */
  readonly details?: string;
  /** Checks what the signature cannot say, such as options that do not go together. @throws UsageError before anything is sent */
  check?(args: Arguments): void;
  run(call: Call): Promise<Answer>;
}
