// The verbs that need no cluster: help, version, exit. `help` also explains the words of the language.

import { NAME_AND_VERSION } from '../../common/process/version.ts';
import type { Answer } from '../answer.ts';
import { optionSynopsis, synopsis } from '../arguments.ts';
import type { Verb } from '../session.ts';
import { findVerb, unknownVerb, verbsUnder } from '../verb-names.ts';

const LANGUAGE = `help COMMAND shows its options. Commands end with a newline or ; and # begins a comment.
A word is plain, "quoted" or 'literal'; a JSON object or array is one word, kept as typed.
\\xNN is a byte, \\\\ a backslash, \\n \\r \\t as usual, but not inside '…' and JSON. Bytes
that are not text are shown with \\xNN too; in JSON and CSV they are base64 in a field of
their own ("value64" for "value"). A quote inside a plain word is \\" or \\'.
-- ends the options of a command; a quoted word is never an option.`;

const exit: Verb = {
  name: 'exit',
  aliases: ['quit'],
  summary: 'leave (also Ctrl-D)',
  parameters: [],
  options: [],
  run: async () => ({ kind: 'leave' }),
};

const version: Verb = {
  name: 'version',
  summary: 'the name and the version of this program',
  parameters: [],
  options: [],
  run: async () => ({ kind: 'text', text: NAME_AND_VERSION }),
};

/** All verbs: the given ones, help, version and exit. */
export function withShellVerbs(others: readonly Verb[]): readonly Verb[] {
  const help: Verb = {
    name: 'help',
    summary: 'this list, or the details of one command',
    parameters: [
      { name: 'COMMAND', kind: 'command', optional: true },
      { name: 'SUBCOMMAND', kind: 'command', optional: true },
    ],
    options: [],
    async run({ args }): Promise<Answer> {
      const words = ['COMMAND', 'SUBCOMMAND'].flatMap((name) => args.textOrNone(name) ?? []);
      return { kind: 'text', text: words.length === 0 ? overview(verbs) : details(verbs, words) };
    },
  };
  const verbs = [...others, help, version, exit];
  return verbs;
}

function overview(verbs: readonly Verb[]): string {
  const calls = verbs.map((verb) => synopsis({ ...verb, options: [] }));
  const width = Math.max(...calls.map((call) => call.length));
  const lines = verbs.map((verb, i) => `  ${(calls[i] ?? '').padEnd(width)}  ${verb.summary}`);
  return [...lines, '', LANGUAGE].join('\n');
}

/** Of the verb with this name, or of all verbs whose names begin with this word. */
function details(verbs: readonly Verb[], words: readonly string[]): string {
  const found = findVerb(
    verbs,
    words.map((text) => ({ text })),
  );
  if (found !== null && found.rest.length === 0) return detail(found.verb);
  const group = verbsUnder(verbs, words);
  if (group.length === 0) throw unknownVerb(verbs, words);
  return group.map(detail).join('\n\n');
}

function detail(verb: Verb): string {
  const options = verb.options.map((option) => `  ${optionSynopsis(option)}\n      ${option.help}`);
  const aliases = verb.aliases === undefined ? [] : [`Also: ${verb.aliases.join(', ')}.`];
  const more = verb.details === undefined ? [] : [verb.details];
  return [synopsis(verb), `  ${verb.summary}`, ...options, ...more, ...aliases].join('\n');
}
