// Which packages an installation brings: the dependencies of some packages, their dependencies, and so on, as the lock file has
// them. The tests install nothing from a registry.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './source.ts';

interface Locked {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly engines?: { readonly node?: string };
  readonly hasInstallScript?: boolean;
}

export interface InstalledPackage extends Locked {
  readonly name: string;
  /** From the project's root: `node_modules/ws`. */
  readonly path: string;
}

const NODE_MODULES = 'node_modules/';

/** All packages that come with `names`, these included. Optional ones for other systems are left out. */
export function packageClosure(names: readonly string[]): readonly InstalledPackage[] {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const locked = new Map(Object.entries<Locked>(lock.packages));
  const here = installedPaths();
  const found = new Map<string, InstalledPackage>();
  const visit = (name: string, from: string): void => {
    const path = placesOf(name, from).find((place) => locked.has(place) && here.has(place));
    const entry = locked.get(path ?? '');
    if (path === undefined || entry === undefined || found.has(path)) return;
    found.set(path, { ...entry, name, path });
    for (const next of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }))
      visit(next, path);
  };
  for (const name of names) visit(name, '');
  return [...found.values()];
}

/** What npm has put on this machine. */
function installedPaths(): ReadonlySet<string> {
  const record = JSON.parse(readFileSync(join(ROOT, NODE_MODULES, '.package-lock.json'), 'utf8'));
  return new Set(Object.keys(record.packages));
}

/** Where Node.js looks for a package, from the innermost folder outwards. */
function placesOf(name: string, from: string): string[] {
  const parent = from.lastIndexOf(`/${NODE_MODULES}`);
  const inside = from === '' ? [] : [`${from}/${NODE_MODULES}${name}`];
  if (from === '') return [`${NODE_MODULES}${name}`];
  return [...inside, ...placesOf(name, parent < 0 ? '' : from.slice(0, parent))];
}
