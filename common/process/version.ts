// The version of this package, from its package.json. The path is relative to this file in dist/.

import { readFileSync } from 'node:fs';

const manifest = new URL('../../../package.json', import.meta.url);

export const VERSION: string = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
