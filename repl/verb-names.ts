// Finds a verb by the name that was typed, in any case. If there is none, says which one was probably meant.

import { nearest } from '../common/process/nearest.ts';
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

export function verbNamed(verbs: readonly Verb[], typed: string): Verb | undefined {
  const name = typed.toLowerCase();
  return verbs.find((verb) => verb.name === name || verb.aliases?.includes(name));
}

export function noSuchVerb(verbs: readonly Verb[], typed: string): UsageError {
  const names = verbs.map(({ name }) => name);
  const meant = ELSEWHERE.get(typed.toLowerCase()) ?? nearest(typed, names);
  const hint = meant === null ? `: ${names.join(' ')}` : `, did you mean ${meant}?`;
  return new UsageError(`there is no command ${typed}${hint}`);
}
