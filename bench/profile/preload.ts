// Is loaded into a process that may be profiled (profiler.ts sets NODE_OPTIONS), so that the product needs no code for that. It tells
// the profiler which process it is, and records a CPU profile of the main thread on request. It does not keep the process alive, and
// costs nothing without a request.

import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const { BENCH_PROFILER_SOCKET: path, BENCH_PROFILER_NAME: name } = process.env;
/** A guardian does not work, but its node inherits its environment. */
const isGuardian = process.argv[2] === 'kvnode';

if (path !== undefined && !isGuardian) serve(path);

function serve(socketPath: string): void {
  const session = new Session();
  const socket = connect(socketPath);
  socket.unref();
  // Without a profiler the process runs as usual.
  socket.on('error', () => {});
  socket.write(`${JSON.stringify({ pid: process.pid, name })}\n`);
  createInterface(socket).on('line', (line) => {
    void (line === 'start' ? start(session) : save(session, line)).then(
      () => socket.write('done\n'),
      (error) => socket.write(`${error}\n`),
    );
  });
}

async function start(session: Session): Promise<void> {
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
}

async function save(session: Session, file: string): Promise<void> {
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  await writeFile(file, JSON.stringify(profile));
}
