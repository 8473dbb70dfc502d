// The real guardian of a node, assembled as in kvnode/process/guardian/main.ts, on the node's machine. The node's process,
// session.json and ZooKeeper are twins.

import type { Ended } from '../../common/process/children.ts';
import { closeSession } from '../../common/zk/close-session.ts';
import type { Identity } from '../../common/zk/server-link.ts';
import { Guardian } from '../../kvnode/process/guardian/guardian.ts';
import type { FormerSession } from '../../kvnode/zk/zk-session-file.ts';
import type { NodeDeps } from './node-process.ts';
import type { Host, Process } from './world/host.ts';
import { linksOf } from './world/zk-link.ts';

export class NodeGuardian {
  readonly host: Host;
  readonly #deps: Omit<NodeDeps, 'applied'>;
  /** The content of session.json. The real file is not synced, which only a power cut could show. */
  #formerSession: FormerSession | null = null;
  #reap: (ended: Ended) => void = () => {};

  constructor(deps: Omit<NodeDeps, 'applied'>, host: Host) {
    this.#deps = deps;
    this.host = host;
  }

  /** Starts a node, waits until it ends, and closes the session that it leaves. Replaces the guardian before this one. */
  watch(start: (launch: string) => void): void {
    const { world } = this.#deps;
    const process = this.host.boot();
    process.onCrash = (error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      world.violation('process', `${this.host.name} crashed: ${text}`);
    };
    const guardian = new Guardian({
      env: process.env,
      logger: this.host.logger,
      restart: false,
      stopRequested: new Promise(() => {}),
      start: (launch) => {
        start(launch);
        const ended = new Promise<Ended>((resolve) => {
          const reaped = (how: Ended) => process.gate(() => resolve(how));
          this.#reap = (how) => void world.clock.after(world.between(0.1, 2), reaped(how));
        });
        return { pid: 1, ended, stop: () => ended };
      },
      formerSession: async () => this.#formerSession,
      closeSession: (identity) => this.#close(process, identity),
    });
    process.gate(() => {
      guardian.run().then(
        () => process.kill('reset'),
        (error) => process.crash(error),
      );
    })();
  }

  async #close(process: Process, identity: Identity) {
    const { world, ensemble, settings } = this.#deps;
    const outcome = await closeSession({
      connect: ensemble.connectString,
      identity,
      sessionMs: settings.session.sessionMs,
      env: process.env,
      logger: this.host.logger,
      openLink: linksOf(ensemble, process),
    });
    world.story.count(`guardian ${outcome}`);
    return outcome;
  }

  /** To be called when the node has ended. */
  reap(ended: Ended): void {
    this.#reap(ended);
  }

  // ---- session.json ------------------------------------------------------------------------------------------------

  get formerSession(): FormerSession | null {
    return this.#formerSession;
  }

  /** Returns how the node `launch`, in `process`, stores the sessions that it gets, one after the other. */
  noteFor(process: Process, launch: string): (identity: Identity) => void {
    let last: Promise<void> = Promise.resolve();
    return (identity) => {
      last = last.then(async () => {
        await process.wait(this.#deps.world.between(0.2, 3));
        this.#formerSession = { launch, identity };
      });
    };
  }

  /** To be called when the node has closed its session itself. */
  forget(): void {
    this.#formerSession = null;
  }
}
