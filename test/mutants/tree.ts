// A copy of the project in a folder of its own, in which one file at a time is broken, compiled and restored.

import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mutant } from './mutant.ts';

const COPIED = [
  ...['common', 'client', 'kvnode', 'coordinator', 'webserver', 'repl', 'bench', 'test', 'bin', 'dist'],
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'README.md'],
];

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly timedOut: boolean;
}

export class MutantTree {
  readonly root: string;

  constructor(project: string) {
    this.root = mkdtempSync(join(tmpdir(), 'rangekeeper-mutants-'));
    for (const name of COPIED) cpSync(join(project, name), join(this.root, name), { recursive: true });
    symlinkSync(join(project, 'node_modules'), join(this.root, 'node_modules'));
  }

  /** Breaks the source, compiles, runs `task`, and restores the source. */
  async broken<T>({ file, text, replacement }: Mutant, task: () => Promise<T>): Promise<T> {
    const path = join(this.root, file);
    const source = readFileSync(path, 'utf8');
    if (source.split(text).length !== 2) throw new Error(`${file}: not once: ${text}`);
    writeFileSync(
      path,
      source.replace(text, () => replacement),
    );
    try {
      await this.compile();
      return await task();
    } finally {
      writeFileSync(path, source);
    }
  }

  /** Compiles without a check of types, because mutants may break them. */
  async compile(): Promise<void> {
    const { code, output } = await this.run('node_modules/typescript/bin/tsc', ['--noCheck'], 120_000);
    if (code !== 0) throw new Error(`the compiler refused it: ${output}`);
  }

  /** Runs a script of the tree with node, and kills it after `timeoutMs`. */
  run(script: string, args: readonly string[], timeoutMs: number): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(this.root, script), ...args], {
        cwd: this.root,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
      });
      child.stderr.resume();
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, output, timedOut: signal === 'SIGKILL' }));
    });
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
