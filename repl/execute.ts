// Executes one command: words → verb → answer → output. It does not depend on whether the commands come from a person, a file
// or the command line.

import { type Arguments, bind } from './arguments.ts';
import { Interrupted, UsageError } from './failures.ts';
import { writeAnswer } from './format/format.ts';
import type { Command } from './grammar.ts';
import { interruptibleRows } from './interruption.ts';
import type { Session, Verb } from './session.ts';

export interface BoundCommand {
  readonly verb: Verb;
  readonly args: Arguments;
}

/** @throws UsageError before anything is sent. */
export function bindCommand(verbs: readonly Verb[], { words, fault }: Command): BoundCommand {
  if (fault !== null) throw new UsageError(fault);
  const [first, ...rest] = words;
  const name = first?.text ?? '';
  const verb = verbs.find((candidate) => candidate.name === name || candidate.aliases?.includes(name));
  if (verb === undefined)
    throw new UsageError(`there is no command ${name}: ${verbs.map((each) => each.name).join(' ')}`);
  return { verb, args: bind(verb, rest) };
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
  const rows = answer.kind === 'rows' ? { ...answer, rows: interruptibleRows(signal, answer.rows) } : answer;
  await writeAnswer(session.screen, session.format, rows);
  for (const line of remarks) session.screen.say(line);
  if (answer.kind === 'rows') return answer.exit?.() ?? 0;
  return answer.kind === 'record' ? (answer.exit ?? 0) : 0;
}
