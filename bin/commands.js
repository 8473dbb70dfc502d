// The commands of `rangekeeper`: each runs the program in dist/ that the first argument names. In a clone that was never built, it
// builds first.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export const COMMANDS = {
  repl: {
    entry: 'repl/main.js',
    summary: 'reads and writes keys, interactively or with -e, -f or piped input',
  },
  dev: { entry: 'bin/dev.js', summary: 'runs a complete cluster on this machine, including ZooKeeper' },
  kvnode: { entry: 'kvnode/process/guardian/main.js', summary: 'runs a storage node' },
  coordinator: { entry: 'coordinator/main.js', summary: 'runs a coordinator; several elect a leader' },
  webserver: { entry: 'webserver/main.js', summary: 'serves the web page' },
};

/** Started only by other commands. */
export const INNER_COMMANDS = {
  'kvnode-process': { entry: 'kvnode/main.js' },
};

const USAGE = [
  'usage: rangekeeper <command> [flags]',
  '',
  ...Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`),
  '',
  'rangekeeper <command> --help lists the flags of a command, rangekeeper --version shows the version.',
].join('\n');

/** Runs `dist/<entry>` as this process. */
export async function runEntry(name, entry, argv) {
  const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href);
  const [{ runMain }, { main }] = await Promise.all([load('common/process/main.js'), load(entry)]);
  await runMain(name, main, argv);
}

/** Runs the command line. An error ends in one line and an exit code. */
export async function runCommand([name, ...argv]) {
  if (name === '--help' || name === '-h' || name === 'help') {
    show(USAGE);
    return;
  }
  if (name === '--version' || name === '-V' || name === 'version') {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    show(`${manifest.name} ${manifest.version}`);
    return;
  }
  const command = new Map(Object.entries({ ...COMMANDS, ...INNER_COMMANDS })).get(name);
  if (command === undefined) {
    process.stderr.write(`${name === undefined ? '' : `rangekeeper: no command ${name}\n`}${USAGE}\n`);
    process.exitCode = 64;
    return;
  }
  if (existsSync(join(root, 'dist', command.entry)) || (await buildClone())) {
    await runEntry(`rangekeeper ${name}`, command.entry, argv);
  }
}

/** Writes to stdout, which its reader may have closed. */
function show(text) {
  process.stdout.on('error', () => {});
  process.stdout.write(`${text}\n`);
}

async function buildClone() {
  if (!existsSync(join(root, 'node_modules', 'typescript'))) {
    process.stderr.write(
      'rangekeeper: not built; `npm start` in the clone installs what is missing and builds\n',
    );
    process.exitCode = 1;
    return false;
  }
  const { build } = await import('./build-dist.js');
  return build().then(
    () => true,
    (error) => {
      process.stderr.write(`rangekeeper: ${error.message}\n`);
      process.exitCode = 1;
      return false;
    },
  );
}
