// The name and version of this package, from its package.json. The path is relative to this file in dist/.

import { readFileSync } from 'node:fs';

const manifest = new URL('../../../package.json', import.meta.url);

const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name: string; version: string };

export const VERSION: string = version;

/** As `--version` shows them. */
export const NAME_AND_VERSION = `${name} ${version}`;
