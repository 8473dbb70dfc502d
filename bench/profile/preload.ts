// Loaded into a process that may be profiled (profiler.ts sets NODE_OPTIONS), so that the product needs no part in it. Says
// to the profiler which process it is, and records the main thread's CPU profile whenever the profiler asks. It keeps no
// process alive, and costs nothing while nobody asks.

import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const { BENCH_PROFILER_SOCKET: path, BENCH_PROFILER_NAME: name } = process.env;
/** It does no work of its own, but hands its environment on to its node. */
const isGuardian = process.argv[2] === 'kvnode';

if (path !== undefined && !isGuardian) serve(path);

function serve(socketPath: string): void {
  const session = new Session();
  const socket = connect(socketPath);
  socket.unref();
  // Without a profiler the process goes on as it would have.
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
