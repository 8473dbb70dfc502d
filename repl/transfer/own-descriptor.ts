// Node.js opens descriptors for itself: pipes through which it wakes itself, an epoll. A program that was started without a descriptor 3
// or 4 finds those at /dev/fd/3 and /dev/fd/4. Whoever writes to them or reads them hangs, or harms the event loop.

import { constants, type Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';

/** Descriptors that always come from outside. */
const STANDARD_MAX = 2;

const NOT_PASSED_ON =
  'whoever started this program did not pass this descriptor on (npx and npm run pass on only 0, 1 and 2)';

/** Throws if a descriptor is one of Node.js's own. @param about what is open there */
export async function refuseOwn(shown: string, about: Stats): Promise<void> {
  if (!isFile(about) || (about.isFIFO() && (await hasBothEnds(about)))) throw notPassedOn(shown);
}

export function notPassedOn(shown: string): Error {
  return new Error(`${shown}: ${NOT_PASSED_ON}`);
}

/** False for what only the kernel made, such as an epoll: it is a file of no type. */
function isFile(about: Stats): boolean {
  return (about.mode & constants.S_IFMT) !== 0;
}

/** Whether this process can write to the pipe and read from it, each in a descriptor of its own. Without /proc nobody knows: false. */
async function hasBothEnds(pipe: Stats): Promise<boolean> {
  const ends = new Set<number>();
  for (const name of await readdir('/proc/self/fd').catch(() => []))
    if (Number(name) > STANDARD_MAX) {
      const end = await endOf(name, pipe);
      if (end !== null) ends.add(end);
    }
  return ends.has(constants.O_RDONLY) && ends.has(constants.O_WRONLY);
}

/** How the descriptor is open, if it is of this pipe; else null. */
async function endOf(name: string, { dev, ino }: Stats): Promise<number | null> {
  const about = await stat(`/proc/self/fd/${name}`).catch(() => null);
  if (about?.dev !== dev || about.ino !== ino) return null;
  const info = await readFile(`/proc/self/fdinfo/${name}`, 'utf8').catch(() => '');
  const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '', 8);
  return Number.isNaN(flags) ? null : flags & (constants.O_WRONLY | constants.O_RDWR);
}
