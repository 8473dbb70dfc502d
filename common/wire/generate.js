// Makes generated/rangekeeper.js (and its types) from rangekeeper.proto, at build time, before tsc. Twice: beside the
// sources for tsc, and under dist for running. Does nothing where both are newer than the schema and this file.

import { copyFileSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pbjs from 'protobufjs-cli/pbjs.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const proto = join(here, 'rangekeeper.proto');
const sourceFolder = join(here, 'generated');
const runFolder = join(here, '..', '..', 'dist', 'common', 'wire', 'generated');

// Reflection, verification and conversion are left out: codec.ts checks what it decodes. 64-bit integers are numbers;
// ../protobuf.js is protobufjs, told so.
const OPTIONS = [
  ...[
    '--target',
    'static-module',
    '--wrap',
    'esm',
    '--dependency',
    '../protobuf.js',
    '--dts',
    '--force-number',
  ],
  ...['--no-create', '--no-verify', '--no-convert', '--no-delimited', '--no-typeurl', '--no-service'],
];

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

/** Resolves when the generated code is there; rejects with pbjs's message on a bad schema. */
export async function generate() {
  const script = join(sourceFolder, 'rangekeeper.js');
  const newestInput = Math.max(modified(proto), modified(fileURLToPath(import.meta.url)));
  if (modified(script) <= newestInput) {
    mkdirSync(sourceFolder, { recursive: true });
    await promisify(pbjs.main)([...OPTIONS, '--out', script, proto]);
  }
  const running = join(runFolder, 'rangekeeper.js');
  if (modified(running) < modified(script)) {
    mkdirSync(runFolder, { recursive: true });
    copyFileSync(script, running);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generate();
