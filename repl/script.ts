// Runs the commands of `-e`, `-f` and piped input one after the other. It stops at the first command that does not end with 0,
// unless it is asked to keep going. The exit code is the first one that is not 0.
//
// The form of commands (quotes, names, options) is checked before the first one runs, where all of them are known: with `-e`, and
// with `-f` if the file can be read twice. All other failures belong to their command, so that it is the only one that they end.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { bindCommand, execute } from './execute.ts';
import { describeError, exitCodeOf, Interrupted, OutputClosed, UsageError } from './failures.ts';
import { type Command, readCommands } from './grammar.ts';
import type { Session } from './session.ts';
import { EncodingError } from './transfer/encoding.ts';
import { fileError, namingFile, shownPath } from './transfer/file-error.ts';
import { type Line, readLines } from './transfer/lines.ts';

/** A command, or the reason why there is none, with its place for error messages. */
export type Step =
  | { readonly kind: 'command'; readonly from: string; readonly command: Command }
  | { readonly kind: 'problem'; readonly from: string; readonly problem: string };

const COMMAND_BYTES_MAX = 8 * 1024 * 1024;

/** How many commands of a file whose form is wrong are reported. */
const COMPLAINTS_MAX = 20;

/** All commands of the `-e` texts. @throws UsageError if the form of one is wrong; then none runs. */
export function stepsOfTexts(session: Session, texts: readonly string[]): readonly Step[] {
  const commands = texts.flatMap((text) => {
    const { commands, open } = readCommands(text);
    if (open !== null) throw new UsageError(`a ${open} is not closed: ${text}`);
    return commands;
  });
  for (const command of commands) bindCommand(session.verbs, command);
  return commands.map((command) => ({ kind: 'command', from: '', command }));
}

/**
 * The commands of a file. If it can be read twice, the form of all commands is checked first.
 * @throws UsageError that names each command whose form is wrong; then none runs
 */
export async function* stepsOfFile(session: Session, path: string): AsyncIterableIterator<Step> {
  const name = shownPath(path);
  const steps = () => stepsOfStream(createReadStream(path), name);
  if ((await namingFile(name, () => stat(path))).isFile()) await checkForms(session, steps());
  yield* steps();
}

async function checkForms(session: Session, steps: AsyncIterable<Step>): Promise<void> {
  const complaints: string[] = [];
  for await (const step of steps) {
    const problem = problemOfForm(session, step);
    if (problem !== null) complaints.push(`${step.from}${problem}`);
    if (complaints.length === COMPLAINTS_MAX) break;
  }
  if (complaints.length > 0) throw new UsageError([...complaints, 'no command was run'].join('\n'));
}

function problemOfForm(session: Session, step: Step): string | null {
  if (step.kind === 'problem') return step.problem;
  try {
    bindCommand(session.verbs, step.command);
    return null;
  } catch (error) {
    return describeError(error);
  }
}

/** The commands of a stream, each as soon as its line is complete. @param name names the stream in error messages */
export async function* stepsOfStream(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncIterableIterator<Step> {
  try {
    yield* readSteps(chunks, name);
  } catch (error) {
    if (!(error instanceof EncodingError)) throw fileError(name, error);
    yield { kind: 'problem', from: `${name}:1: `, problem: error.message };
  }
}

async function* readSteps(chunks: AsyncIterable<Uint8Array>, name: string): AsyncIterableIterator<Step> {
  let text = '';
  let first = 1;
  // A line end inside quotes is part of a value, so CR LF stays as it is.
  for await (const line of readLines(chunks, COMMAND_BYTES_MAX, 'lf')) {
    const problem = problemOf(line, text);
    if (problem !== null) yield { kind: 'problem', from: `${name}:${line.number}: `, problem };
    if (problem !== null || line.problem !== null) {
      text = '';
      continue;
    }
    if (text === '') first = line.number;
    text += text === '' ? line.text : `\n${line.text}`;
    const { commands, open } = readCommands(text);
    if (open !== null) continue;
    text = '';
    for (const command of commands)
      yield { kind: 'command', from: `${name}:${first + command.line - 1}: `, command };
  }
  if (text !== '')
    yield { kind: 'problem', from: `${name}:${first}: `, problem: 'a quote or a bracket is not closed' };
}

function problemOf(line: Line, before: string): string | null {
  if (line.problem === 'not UTF-8') return 'not UTF-8: write such bytes as \\xNN';
  if (line.problem !== null || before.length + line.text.length > COMMAND_BYTES_MAX)
    return 'command too long';
  return null;
}

export async function runScript(
  session: Session,
  steps: AsyncIterable<Step> | Iterable<Step>,
  keepGoing: boolean,
  signal: AbortSignal,
): Promise<number> {
  let worst = 0;
  for await (const step of steps) {
    const code = await runStep(session, step, signal);
    if (code.ends) return worst === 0 ? code.code : worst;
    if (worst === 0) worst = code.code;
    if (worst !== 0 && !keepGoing) return worst;
  }
  return worst;
}

async function runStep(
  session: Session,
  step: Step,
  signal: AbortSignal,
): Promise<{ readonly code: number; readonly ends: boolean }> {
  try {
    if (step.kind === 'problem') throw new UsageError(step.problem);
    const code = await execute(session, bindCommand(session.verbs, step.command), signal);
    return { code: code ?? 0, ends: code === null };
  } catch (error) {
    session.screen.say(`${step.from}${describeError(error)}`);
    return {
      code: exitCodeOf(error),
      ends: error instanceof Interrupted || error instanceof OutputClosed,
    };
  }
}
