// Finds Chromium on this machine. `npm test` also uses it, and installs Chromium if it is missing and it may do so.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome'];

/** $CHROMIUM, otherwise the first one in PATH; null: there is none. */
export function findChromium(environment: Readonly<Record<string, string | undefined>>): string | null {
  const { CHROMIUM: named, PATH: path = '' } = environment;
  if (named !== undefined && named !== '') return existsSync(named) ? named : null;
  const places = path.split(delimiter).flatMap((folder) => COMMANDS.map((command) => join(folder, command)));
  return places.find((place) => existsSync(place)) ?? null;
}
