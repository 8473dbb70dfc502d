// What all commands of one run share, and how one command is carried out: words → verb → answer → its look. Nothing in
// here knows whether the commands come from a person, a file or the command line.

import type { Readable } from 'node:stream';
import type { Env } from '../common/base/env.ts';
import type { Client } from '../common/client/api.ts';
import { type Arguments, bind } from './arguments.ts';
import { Interrupted, UsageError } from './failures.ts';
import { type OutputFormat, writeAnswer } from './format/format.ts';
import type { Command } from './grammar.ts';
import type { Screen } from './screen.ts';
import type { Verb } from './verbs/verb.ts';

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

export interface BoundCommand {
  readonly verb: Verb;
  readonly args: Arguments;
}

/** @throws UsageError, before anything is sent. */
export function bindCommand(verbs: readonly Verb[], { words }: Command): BoundCommand {
  const [first, ...rest] = words;
  const name = first?.text ?? '';
  const verb = verbs.find((candidate) => candidate.name === name || candidate.aliases?.includes(name));
  if (verb === undefined)
    throw new UsageError(`there is no command ${name}: ${verbs.map((each) => each.name).join(' ')}`);
  return { verb, args: bind(verb, rest) };
}

/** Carries out one command; resolves with its exit code, or null where it ends the session. Rejects where it failed. */
export async function execute(
  session: Session,
  { verb, args }: BoundCommand,
  signal: AbortSignal,
): Promise<number | null> {
  if (signal.aborted) throw new Interrupted();
  const remarks: string[] = [];
  const answer = await verb.run({ session, args, signal, remark: (line) => remarks.push(line) });
  if (answer.kind === 'leave') return null;
  const rows = answer.kind === 'rows' ? { ...answer, rows: interruptibleRows(signal, answer.rows) } : answer;
  await writeAnswer(session.screen, session.format, rows);
  for (const line of remarks) session.screen.say(line);
  return answer.kind === 'record' ? (answer.exit ?? 0) : 0;
}

/** `work`, unless the signal comes first; `work` itself goes on unseen. */
export function interruptible<T>(signal: AbortSignal, work: Promise<T>, message?: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Interrupted(message));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

export async function* interruptibleRows<T>(
  signal: AbortSignal,
  rows: AsyncIterable<T>,
): AsyncIterableIterator<T> {
  const iterator = rows[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (true) {
      const next = await interruptible(signal, iterator.next());
      ended = next.done === true;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: after an interruption the iterator may be waiting for an answer that does not come.
    if (!ended) void iterator.return?.().catch(() => {});
  }
}
