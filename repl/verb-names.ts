// The names of verbs. A name is one word (`put`), or two words where several verbs share the first one (`namespace create`,
// `namespace list`). No verb is called like the first word of another. Names may be typed in any case.

import { nearestWord } from '../common/base/nearest-word.ts';
import { UsageError } from './failures.ts';
import type { Verb } from './session.ts';

/** Names that other databases and shells have for what a verb does. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['set', 'put'],
  ['rm', 'del'],
  ['remove', 'del'],
  ['ls', 'scan'],
  ['list', 'scan'],
  ['keys', 'scan'],
]);

/** The verb that the words begin with, and the words after its name; null: there is none. */
export function findVerb<W extends { readonly text: string }>(
  verbs: readonly Verb[],
  words: readonly W[],
): { readonly verb: Verb; readonly rest: readonly W[] } | null {
  for (const verb of verbs) {
    for (const name of [verb.name, ...(verb.aliases ?? [])]) {
      const parts = name.split(' ');
      if (parts.every((part, i) => part === words[i]?.text.toLowerCase()))
        return { verb, rest: words.slice(parts.length) };
    }
  }
  return null;
}

/** The words that may follow these first words of a verb's name, in the order of the verbs. */
export function nextWords(verbs: readonly Verb[], first: readonly string[]): readonly string[] {
  const next = verbsUnder(verbs, first).map((verb) => verb.name.split(' ')[first.length] ?? '');
  return [...new Set(next)];
}

/** The verbs with longer names that begin with these words. */
export function verbsUnder(verbs: readonly Verb[], first: readonly string[]): readonly Verb[] {
  return verbs.filter(({ name }) => {
    const parts = name.split(' ');
    return parts.length > first.length && first.every((word, i) => word.toLowerCase() === parts[i]);
  });
}

/** Says which verb was probably meant, or which there are. `words` begin with the name of no verb. */
export function unknownVerb(verbs: readonly Verb[], words: readonly string[]): UsageError {
  const [first = '', second] = words;
  const group = nextWords(verbs, [first]);
  if (group.length === 0) {
    const names = nextWords(verbs, []);
    const meant = ELSEWHERE.get(first.toLowerCase()) ?? nearestWord(first, names);
    const hint = meant === null ? `: ${names.join(' ')}` : `, did you mean ${meant}?`;
    return new UsageError(`there is no command ${first}${hint}`);
  }
  const meant = second === undefined ? null : nearestWord(second, group);
  const hint =
    meant === null
      ? `: ${group.map((next) => `${first} ${next}`).join(', ')}`
      : `, did you mean ${first} ${meant}?`;
  return new UsageError(`there is no command ${words.slice(0, 2).join(' ')}${hint}`);
}
