// Executes one command: words → verb → answer → output. It does not depend on whether the commands come from a person, a file
// or the command line.

import type { Answer } from './answer.ts';
import { type Arguments, bind } from './arguments.ts';
import { Interrupted, UsageError } from './failures.ts';
import { writeAnswer } from './format/format.ts';
import type { Command } from './grammar.ts';
import { interruptibleRows } from './interruption.ts';
import { EnoughSeen, PagedScreen } from './pager.ts';
import type { Session, Verb } from './session.ts';
import { findVerb, unknownVerb } from './verb-names.ts';

export interface BoundCommand {
  readonly verb: Verb;
  readonly args: Arguments;
}

/** @throws UsageError before anything is sent. */
export function bindCommand(verbs: readonly Verb[], { words, fault }: Command): BoundCommand {
  if (fault !== null) throw new UsageError(fault);
  const found = findVerb(verbs, words);
  if (found === null)
    throw unknownVerb(
      verbs,
      words.map(({ text }) => text),
    );
  const args = bind(found.verb, found.rest);
  found.verb.check?.(args);
  return { verb: found.verb, args };
}

/** Executes one command. Resolves with its exit code, or with null if it ends the session. Rejects if it failed. */
export async function execute(
  session: Session,
  { verb, args }: BoundCommand,
  signal: AbortSignal,
): Promise<number | null> {
  if (signal.aborted) throw new Interrupted();
  const remarks: string[] = [];
  const answer = await verb.run({ session, args, signal, remark: (line) => remarks.push(line) });
  if (answer.kind === 'leave') return null;
  await write(session, answer, signal);
  for (const line of remarks) session.screen.say(line);
  if (answer.kind === 'rows') return answer.exit?.() ?? 0;
  return answer.kind === 'record' ? (answer.exit ?? 0) : 0;
}

async function write(session: Session, answer: Answer, signal: AbortSignal): Promise<void> {
  if (answer.kind !== 'rows') return writeAnswer(session.screen, session.format, answer);
  const { screen, pager } = session;
  const paged = answer.paged === true && pager !== null ? new PagedScreen(screen, pager, signal) : screen;
  try {
    await writeAnswer(paged, session.format, { ...answer, rows: interruptibleRows(signal, answer.rows) });
  } catch (error) {
    if (!(error instanceof EnoughSeen)) throw error;
  }
}
