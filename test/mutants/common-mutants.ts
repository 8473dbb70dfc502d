// Breakages of the client, ZooKeeper, the network and the frame of processes.

import type { Mutant } from './mutant.ts';

export const COMMON_MUTANTS: readonly Mutant[] = [
  {
    name: 'take a refused multi for a refusal of all in it',
    rule: 'R10: each compare-and-set has its own outcome',
    file: 'common/zk/gathered.ts',
    text: 'const others = await commitHalves(session, parts.toSpliced(guilty, 1), fence);',
    replacement:
      "const others = parts.toSpliced(guilty, 1).map((): PartOutcome => ({ kind: 'refused', error }));",
  },
  {
    name: 'take a refused multi for done but for the guilty one',
    rule: 'R10: ZooKeeper refuses a multi as a whole',
    file: 'common/zk/gathered.ts',
    text: 'const others = await commitHalves(session, parts.toSpliced(guilty, 1), fence);',
    replacement:
      "const others = parts.toSpliced(guilty, 1).map((part): PartOutcome => ({ kind: 'done', results: part.map((op) => ('version' in op ? { version: op.version + 1 } : {})) }));",
  },
  {
    name: 'send again after a refusal without the fence',
    rule: 'section 3: every write of a leader checks its epoch',
    file: 'common/zk/gathered.ts',
    text: 'commitParts(session, half, fence)',
    replacement: 'commitParts(session, half, fence.slice(1))',
  },
  {
    name: 'retry without the request number',
    rule: 'R13: the same bytes are sent again',
    file: 'common/client/write-call.ts',
    text: 'if (this.inDoubt || this.number(',
    replacement: 'if (this.number(',
  },
  {
    name: 'trust a watch without a re-read',
    rule: 'section 3: a watch is a hint, never the truth',
    file: 'common/zk/observers.ts',
    text: "if (this.#state === 'running') this.#state = 'running-dirty';",
    replacement: "if (this.#state === 'running') return;",
  },
  {
    name: 'let a client go back in time',
    rule: 'section 7: stale reads carry the highest seq seen',
    file: 'common/client/hedged-read.ts',
    text: "mode === 'stale' ? context.seen.of(descriptor) : 0",
    replacement: "mode === 'stale' ? 0 : 0",
  },
  {
    name: 'look for the limit at the path of the group only',
    rule: "section 9, --memory: the container's limit by default",
    file: 'common/process/available-memory.ts',
    text: 'for (let depth = parts.length; depth >= 0; depth--) {',
    replacement: 'for (let depth = parts.length; depth >= parts.length; depth--) {',
  },
  {
    name: 'say the last words as plain text',
    rule: 'what ends a process that logs JSON is a line of its log',
    file: 'common/process/main.ts',
    text: 'this.#logger = logger;',
    replacement: 'void logger;',
  },
  {
    name: 'forget what an error has shown',
    rule: 'section 7: a client never goes back in time',
    file: 'common/client/call.ts',
    text: 'this.context.seen.note(this.route.descriptor.id, seq);',
    replacement: 'this.context.seen.note(this.route.descriptor.id, 0);',
  },
  {
    name: 'leave a write with an owner that was deposed',
    rule: 'R13: what is in doubt is sent to the next owner',
    file: 'common/client/directory.ts',
    text: 'if (before.owner.node !== descriptor.owner.node) this.deposed(',
    replacement: 'if (before.owner.node === descriptor.owner.node) this.deposed(',
  },
  {
    name: 'keep a session that nobody answers',
    rule: 'section 3: without an answer for T it is given up',
    file: 'common/zk/session.ts',
    text: 'this.#heardAt + this.timeoutMs - env.now()',
    replacement: 'this.#heardAt + 4 * this.timeoutMs - env.now()',
  },
  {
    name: 'wait for an answer before a session is closed by id',
    rule: 'section 3: a handshake alone prolongs the session',
    file: 'common/zk/close-session.ts',
    text: 'dialer.dial(identity, closed, true)',
    replacement: 'dialer.dial(identity, closed, false)',
  },
  {
    name: 'leave what an abandoned handshake has made',
    rule: 'section 3: no session is left behind',
    file: 'common/zk/link.ts',
    text: 'state.greeted && this.#options.identity === null) bidFarewell(socket);',
    replacement: 'state.greeted && this.#options.identity !== null) bidFarewell(socket);',
  },
  {
    name: 'let a link that was given up go on pinging',
    rule: 'section 3: nothing prolongs a session that is given up',
    file: 'common/zk/link.ts',
    text: 'this.#client.connectionManager.socket?.setTimeout(0);',
    replacement: 'void this.#client.connectionManager.socket;',
  },
  {
    name: 'give every handshake the same time',
    rule: 'section 3: a slow ZooKeeper is reached in the end',
    file: 'common/zk/dialer.ts',
    text: '(this.#sessionMs / 3) * 2 ** rounds',
    replacement: '(this.#sessionMs / 3) * 1 ** rounds',
  },
];
