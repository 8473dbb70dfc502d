// Every code block of README.md and of the READMEs of the packages does what its reader expects: those that can run here are run as
// they stand, in their order, on one cluster. Of the others each command, flag, script and service must exist.

import { on } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { VERBS } from '../../repl/verbs/verbs.ts';
import { apply, type FeedMessage, type FeedState } from '../../webserver/feed.ts';
import { type CodeBlock, codeBlocks } from '../support/code-blocks.ts';
import { DevRun, temporaryFolder } from '../support/dev-run.ts';
import { install, pack } from '../support/packed.ts';
import { LONG_TIMEOUTS, Repl } from '../support/repl-process.ts';
import { runNode } from '../support/run-node.ts';
import { ROOT } from '../support/source.ts';

/** What is done with a block. */
type Plan =
  /** A cluster is started; the story goes on there. */
  | { readonly kind: 'start' }
  /** Each line is run by a shell in the clone. `codes`: lines that end with another code than 0, by a word in them. */
  | { readonly kind: 'shell'; readonly codes?: Readonly<Record<string, number>> }
  /** The lines are typed in `npm run repl`. `tells`: what the page tells afterwards. */
  | { readonly kind: 'repl'; readonly tells?: RegExp }
  | { readonly kind: 'pack' }
  | { readonly kind: 'install' }
  /** A program of a project that has installed the client. It is run twice, as a reader would. */
  | { readonly kind: 'program' }
  /** It is not run, but all that it names exists. */
  | { readonly kind: 'checked'; readonly why: string };

/** The blocks by their first lines, in their order. */
const README: readonly (readonly [firstLine: string, plan: Plan])[] = [
  ['npm start', { kind: 'start' }],
  ['npm run repl', { kind: 'shell' }],
  ['put user/1 ada', { kind: 'repl' }],
  ['kill -9 <pid>', { kind: 'shell' }],
  ['# a replica answers, and says how far behind it may be:', { kind: 'repl' }],
  [
    'namespace create files',
    { kind: 'repl', tells: /range \d+ was split at .*: it has \d+ bytes, and 200000 are allowed/ },
  ],
  ['use files', { kind: 'repl' }],
  ['npm run repl', { kind: 'shell', codes: { 'cas user/1 7 eve': 4, 'forget n7': 64 } }],
  ['npm run pack', { kind: 'pack' }],
  ['npm install ../rangekeeper/dist/packages/rangekeeper-0.1.0.tgz', { kind: 'install' }],
  ['npm install ../rangekeeper/dist/packages/rangekeeper-0.1.0.tgz', { kind: 'install' }],
  [`import { connect, formatBytes } from 'rangekeeper';`, { kind: 'program' }],
  ['docker compose -f docker/compose.yaml up', { kind: 'checked', why: 'npm run test:docker runs it' }],
  ['docker compose -f docker/compose.yaml exec', { kind: 'checked', why: 'npm run test:docker runs it' }],
  ['npx rangekeeper repl --zk 127.0.0.1:22181', { kind: 'checked', why: 'npm run test:docker runs it' }],
  ['rangekeeper coordinator', { kind: 'checked', why: 'it names the machines of somebody' }],
  ['npm test', { kind: 'checked', why: 'it runs this test' }],
];

const CLIENT_README: typeof README = [[`import { connect, RangekeeperError }`, { kind: 'program' }]];

const SERVER_README: typeof README = [
  [
    'npx rangekeeper dev',
    { kind: 'checked', why: 'test/e2e/package.test.ts runs the processes of the package' },
  ],
];

function blocksOf(document: string): CodeBlock[] {
  return codeBlocks(readFileSync(join(ROOT, document), 'utf8'));
}

for (const [document, plans] of [
  ['README.md', README],
  ['bin/packages/rangekeeper/README.md', CLIENT_README],
  ['bin/packages/rangekeeper-server/README.md', SERVER_README],
] as const) {
  test(`${document}: every block is run, or it is said why not`, (t) => {
    const blocks = blocksOf(document);
    t.is(blocks.length, plans.length);
    for (const [index, [firstLine]] of plans.entries())
      t.true(blocks[index]?.lines[0]?.startsWith(firstLine), `block ${index + 1} is not: ${firstLine}`);
  });
}

// ---- the story -------------------------------------------------------------------------------------------------------

class Story {
  readonly #t: ExecutionContext;
  /** The project that has the client. */
  readonly #project: string;
  readonly #dev: DevRun;

  constructor(t: ExecutionContext) {
    this.#t = t;
    this.#project = temporaryFolder(t);
    // What `npm start` runs, with a folder and ports of its own.
    const start = [join(ROOT, 'bin', 'bootstrap.js'), 'start'];
    this.#dev = new DevRun(t, { data: temporaryFolder(t), program: start });
  }

  async tell(block: CodeBlock, plan: Plan): Promise<void> {
    switch (plan.kind) {
      case 'start':
        await this.#dev.up();
        return;
      case 'shell':
        for (const line of block.lines) await this.#shell(line, plan.codes ?? {});
        return;
      case 'repl':
        await this.#repl(block.lines);
        if (plan.tells !== undefined) await this.#pageTells(plan.tells);
        return;
      case 'pack':
        install(this.#project, (await pack(temporaryFolder(this.#t))).slice(0, 1));
        return;
      case 'install':
        return this.#install(block.lines);
      case 'program':
        return this.#program(block.lines);
      case 'checked':
        return checkNames(this.#t, block.lines);
    }
  }

  /** The only changes to what a reader types: addresses, a pid and where files go. */
  async #here(text: string): Promise<string> {
    const { zk } = await this.#dev.up();
    const pid = text.includes('<pid>') ? await this.#ownerPid() : 0;
    return text
      .replaceAll('127.0.0.1:2181/rangekeeper', zk)
      .replaceAll('<pid>', String(pid))
      .replaceAll('./copy', join(this.#project, 'copy'))
      .replaceAll('all.csv', join(this.#project, 'all.csv'));
  }

  async #ownerPid(): Promise<number> {
    const { stdout } = await this.#dev.repl('where user/1', '--output', 'json');
    return this.#dev.pidOf(JSON.parse(stdout).owner.name);
  }

  async #shell(line: string, codes: Readonly<Record<string, number>>): Promise<void> {
    const command = await this.#here(line);
    const shell = this.#run('sh', ['-c', command]);
    // The REPL would wait for what is typed.
    shell.child.stdin?.end();
    const { code, err } = await shell.ended;
    const expected = Object.entries(codes).find(([words]) => line.includes(words))?.[1] ?? 0;
    this.#t.is(code, expected, `${line}: ${err}`);
  }

  async #repl(lines: readonly string[]): Promise<void> {
    const repl = this.#run('npm', ['run', '--silent', 'repl']);
    repl.child.stdin?.end(`${lines.join('\n')}\n`);
    const { code, err } = await repl.ended;
    this.#t.is(code, 0, `${lines.join('; ')}: ${err}`);
  }

  /** Returns once an event on the page has such a text. */
  async #pageTells(text: RegExp): Promise<void> {
    const { web } = await this.#dev.up();
    const socket = new WebSocket(`${web.replace('http', 'ws')}/feed`);
    this.#t.teardown(() => socket.terminate());
    let state: FeedState | null = null;
    for await (const [data] of on(socket, 'message')) {
      const message = JSON.parse(String(data)) as FeedMessage;
      if (message.kind === 'hello') state = message.state;
      if (message.kind === 'change' && state !== null) state = apply(state, message.change);
      if (state?.events.some((event) => text.test(event.text))) return socket.close();
    }
  }

  /** A command in the clone. The REPL finds the cluster of this test by the variable. */
  #run(command: string, args: readonly string[]): Repl {
    const zk = this.#dev.record()?.zk ?? '';
    return new Repl(command, args, { ...LONG_TIMEOUTS, RANGEKEEPER_ZK: zk }, ROOT);
  }

  /** npm itself would ask a registry (test/e2e/package.test.ts installs what it would). The archives have these names. */
  #install(lines: readonly string[]): void {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const archives = ['rangekeeper', 'rangekeeper-server'].map((name) => `${name}-${version}.tgz`);
    const named = lines.flatMap((line) => line.split(' ').slice(2));
    this.#t.deepEqual(
      named.map((path) => basename(path)),
      archives.slice(0, named.length),
    );
  }

  async #program(lines: readonly string[]): Promise<void> {
    const file = join(this.#project, 'program.mjs');
    writeFileSync(file, `${await this.#here(lines.join('\n'))}\n`);
    for (const time of ['first', 'second']) {
      const { code, stderr } = await runNode([file]);
      this.#t.deepEqual({ code, stderr }, { code: 0, stderr: '' }, `the ${time} time`);
    }
  }
}

test('the blocks do what they say', async (t) => {
  const story = new Story(t);
  for (const [document, plans] of [
    ['README.md', README],
    ['bin/packages/rangekeeper/README.md', CLIENT_README],
    ['bin/packages/rangekeeper-server/README.md', SERVER_README],
  ] as const) {
    for (const [index, block] of blocksOf(document).entries()) {
      const plan = plans[index]?.[1];
      if (plan !== undefined) await story.tell(block, plan);
    }
  }
});

// ---- what is named, but not run --------------------------------------------------------------------------------------

/** Help texts of programs, by the words that start them. */
const helps = new Map<string, Promise<string>>();

function helpOf(...argv: readonly string[]): Promise<string> {
  const words = argv.join(' ');
  const known = helps.get(words);
  if (known !== undefined) return known;
  const help = runNode([...argv, '--help']).then(({ stdout }) => stdout);
  helps.set(words, help);
  return help;
}

const BOOTSTRAP = join(ROOT, 'bin', 'bootstrap.js');
const RANGEKEEPER = join(ROOT, 'bin', 'rangekeeper.cjs');

/** Each line names scripts, commands, flags, files and services that exist. */
async function checkNames(t: ExecutionContext, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const [command = '', comment = ''] = line.split(/\s#\s/);
    const [program, ...words] = command.trim().split(/\s+/);
    if (program === 'npm') await checkScript(t, words, comment);
    else if (program === 'docker') checkCompose(t, words);
    else if (program === 'npx') await checkCommand(t, words.slice(1));
    else if (program === 'rangekeeper') await checkCommand(t, words);
    else t.is(program, '', `nothing checks: ${line}`);
  }
}

async function checkScript(t: ExecutionContext, words: readonly string[], comment: string): Promise<void> {
  const script = words[0] === 'run' ? words[1] : words[0];
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  t.true(Object.hasOwn(scripts, script ?? ''), `npm run ${script}`);
  const flags = flagsIn([...words, comment].join(' '));
  const parts = script === 'bench' ? words.filter((word) => /^(micro|failover)$/.test(word)) : [];
  if (flags.length === 0 && parts.length === 0) return;
  const help = await helpOf(BOOTSTRAP, script ?? '');
  for (const name of [...flags, ...parts]) t.true(help.includes(name), `npm run ${script} has no ${name}`);
}

async function checkCommand(t: ExecutionContext, [command = '', ...words]: readonly string[]): Promise<void> {
  if (command.startsWith('-')) return;
  const help = await helpOf(RANGEKEEPER, command);
  t.true(help.includes(`usage: rangekeeper ${command}`), command);
  for (const flag of flagsIn(words.join(' '))) t.true(help.includes(`${flag} `), `${command} has no ${flag}`);
}

function checkCompose(t: ExecutionContext, words: readonly string[]): void {
  const [, , file = '', verb = '', ...rest] = words;
  t.true(existsSync(join(ROOT, file)), file);
  const service = rest.find((word) => !word.startsWith('-'));
  if (verb === 'up') return;
  t.regex(readFileSync(join(ROOT, file), 'utf8'), new RegExp(`^  ${service}:$`, 'm'), service);
}

function flagsIn(text: string): string[] {
  return text.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? [];
}

test('every flag in the text of README.md is one of a program or of a command', async (t) => {
  const programs = ['dev', 'repl', 'coordinator', 'kvnode', 'webserver'].map((name) =>
    helpOf(RANGEKEEPER, name),
  );
  const scripts = ['bench', 'sim'].map((name) => helpOf(BOOTSTRAP, name));
  const verbs = VERBS.flatMap(({ options }) => options.map(({ name }) => `--${name} `));
  const helpTexts = [...(await Promise.all([...programs, ...scripts])), ...verbs];
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8').replaceAll(/```[\s\S]*?```/g, '');
  const unknown = flagsIn(text).filter(
    (flag) => !OTHERS.includes(flag) && !helpTexts.some((help) => help.includes(`${flag} `)),
  );
  t.deepEqual(unknown, []);
});

/** Flags of docker compose and of the programs themselves. */
const OTHERS: readonly string[] = ['--profile', '--scale', '--help'];
