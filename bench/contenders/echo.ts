// The raw limit of requests as a contender (load/echo.ts).

import { LoadProgram } from '../load/load-program.ts';
import { type Rig, VALUE_BYTES } from '../rig.ts';
import { type Contender, connectionsText, programmed } from './contender.ts';

const NAME = 'echo';

/** @param gathered all requests of a turn are sent in one message */
export async function echo(rig: Rig, connections: number, gathered: boolean): Promise<Contender> {
  const { port, pids } = await echoServer(rig);
  return programmed(
    rig,
    NAME,
    { kind: 'echo', port, connections, gathered },
    {
      name: 'raw ws + protobuf echo',
      client: `ws, ${connectionsText(connections)}, ${gathered ? 'gathered per turn' : 'one message a request'}`,
      serverPids: () => pids,
    },
  );
}

export function echoServer(rig: Rig) {
  return rig.start(NAME, async () => {
    const program = new LoadProgram();
    const port = await program.call('serveEcho', VALUE_BYTES);
    return { port, pids: program.pids, stop: () => program.stop() };
  });
}
