// The process `rangekeeper repl`: its flags, and where its commands come from. The rest is in repl.ts.

import { connect } from '../client/index.ts';
import { realEnv } from '../common/base/env.ts';
import { EXIT, ProcessExit } from '../common/process/exit.ts';
import {
  type Command,
  choice,
  integer,
  list,
  logLevelFlag,
  readFlags,
  text,
  toggle,
  ZK_FLAG,
} from '../common/process/flags.ts';
import { createLogger } from '../common/process/log.ts';
import type { ProcessLife } from '../common/process/main.ts';
import { OUTPUT_FORMATS, type OutputFormat } from './format/format.ts';
import { historyPath } from './history.ts';
import { type ReplOptions, runRepl } from './repl.ts';

const COMMAND = {
  name: 'rangekeeper repl',
  summary: 'Reads and writes keys: at a prompt, or with -e, -f or piped input.',
  flags: {
    zk: ZK_FLAG,
    namespace: text({ help: 'namespace to work in', value: 'NAME', fallback: 'default' }),
    execute: list({ help: "commands to run, as in -e 'put a 1; get a'", value: 'COMMANDS', short: 'e' }),
    file: text({
      help: 'file of commands to run; - is standard input',
      value: 'FILE',
      short: 'f',
      fallback: null,
    }),
    output: choice<OutputFormat, OutputFormat>({
      help: 'format of the answers',
      words: OUTPUT_FORMATS,
      fallback: 'table',
    }),
    keepGoing: toggle({ help: 'go on after a command fails; the exit code is that of the first failure' }),
    deadlineMs: integer({
      help: 'how long an operation may take, including retries, ms',
      value: 'MS',
      min: 1,
      max: 3_600_000,
      fallback: 10_000,
    }),
    connectMs: integer({
      help: 'how long to wait for ZooKeeper and the cluster, ms',
      value: 'MS',
      min: 1,
      max: 3_600_000,
      fallback: 10_000,
    }),
    logLevel: logLevelFlag('silent'),
  },
  epilog: `Answers go to stdout, everything else to stderr. Exit codes: 0 ok, 1 failed, 2 cannot connect, 3 not found,
4 conflict, 5 no owner or read-only, 6 outcome unknown, 64 usage, 130 interrupted, 141 nobody reads the output. Without -e,
-f or piped input it is interactive: \`help\` lists the commands.`,
} as const satisfies Command;

export async function main(argv: readonly string[], life: ProcessLife): Promise<number> {
  const { values } = readFlags(COMMAND, argv);
  const stop = new AbortController();
  void life.stopRequested.then(() => stop.abort());
  const options: ReplOptions = {
    mode: modeOf(values.execute, values.file),
    namespace: values.namespace,
    output: values.output,
    keepGoing: values.keepGoing,
  };
  return runRepl(options, {
    env: realEnv,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stop.signal,
    connect: () =>
      connect({
        zk: values.zk,
        namespace: values.namespace,
        deadlineMs: values.deadlineMs,
        connectMs: values.connectMs,
        logger: createLogger({ name: 'repl', level: values.logLevel }),
      }),
  });
}

function modeOf(texts: readonly string[], file: string | null): ReplOptions['mode'] {
  if (texts.length > 0 && file !== null)
    throw new ProcessExit(EXIT.usage, `${COMMAND.name}: -e and -f do not go together`);
  if (texts.length > 0) return { kind: 'texts', texts };
  if (file !== null && file !== '-') return { kind: 'file', path: file };
  if (file === '-' || !process.stdin.isTTY) return { kind: 'input' };
  return { kind: 'interactive', historyPath: historyPath(process.env) };
}
