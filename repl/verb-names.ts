// The names of verbs. A name is one word (`put`), or two words where several verbs share the first one (`namespace create`,
// `namespace list`). No verb is called like the first word of another.

import { UsageError } from './failures.ts';
import type { Verb } from './session.ts';

/** The verb that the words begin with, and the words after its name; null: there is none. */
export function findVerb<W extends { readonly text: string }>(
  verbs: readonly Verb[],
  words: readonly W[],
): { readonly verb: Verb; readonly rest: readonly W[] } | null {
  for (const verb of verbs) {
    for (const name of [verb.name, ...(verb.aliases ?? [])]) {
      const parts = name.split(' ');
      if (parts.every((part, i) => part === words[i]?.text)) return { verb, rest: words.slice(parts.length) };
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
    return parts.length > first.length && first.every((word, i) => word === parts[i]);
  });
}

/** Says which verbs there are instead. `words` begin with the name of no verb. */
export function unknownVerb(verbs: readonly Verb[], words: readonly string[]): UsageError {
  const [first = ''] = words;
  const group = nextWords(verbs, [first]);
  if (group.length === 0)
    return new UsageError(`there is no command ${first}: ${nextWords(verbs, []).join(' ')}`);
  const given = words.slice(0, 2).join(' ');
  return new UsageError(
    `there is no command ${given}: ${group.map((next) => `${first} ${next}`).join(', ')}`,
  );
}
