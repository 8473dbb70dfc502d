// A node's guardian as `rangekeeper kvnode` puts it together (kvnode/process/guardian/main.ts): the real one, on the node's machine,
// over twins of process, session.json and ZooKeeper.

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
  /** session.json: not synced, but only a power cut could show that. */
  #left: FormerSession | null = null;
  #reap: (ended: Ended) => void = () => {};

  constructor(deps: Omit<NodeDeps, 'applied'>, host: Host) {
    this.#deps = deps;
    this.host = host;
  }

  /** Starts a node, watches it to its end and closes the session that it leaves. A guardian before this one is gone. */
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
      formerSession: async () => this.#left,
      closeSession: (identity) => this.#close(process, identity),
    });
    process.gate(() => {
      guardian.run().then(
        () => process.kill('told'),
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

  /** The node has ended. */
  reap(ended: Ended): void {
    this.#reap(ended);
  }

  // ---- session.json ------------------------------------------------------------------------------------------------

  get left(): FormerSession | null {
    return this.#left;
  }

  /** How the node `launch`, in `process`, notes the sessions that it gets, one after the other. */
  noteFor(process: Process, launch: string): (identity: Identity) => void {
    let last: Promise<void> = Promise.resolve();
    return (identity) => {
      last = last.then(async () => {
        await process.wait(this.#deps.world.between(0.2, 3));
        this.#left = { launch, identity };
      });
    };
  }

  /** The node ended in order. */
  forget(): void {
    this.#left = null;
  }
}
