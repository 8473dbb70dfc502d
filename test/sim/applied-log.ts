// Compares what the replicas apply at each seq. An entry that one replica has applied was committed, so no replica may ever
// apply a different one at that seq.

import { toHex } from '../../common/base/bytes.ts';
import type { Position, RangeId } from '../../common/model/ids.ts';
import type { RowChange, Storage } from '../../kvnode/storage/storage.ts';
import type { World } from './world/world.ts';

interface Applied {
  readonly by: string;
  readonly text: string;
}

export class AppliedLog {
  readonly #world: World;
  readonly #ranges = new Map<RangeId, Map<number, Applied>>();

  constructor(world: World) {
    this.#world = world;
  }

  /** `storage` as it is, with an ear at what is applied. */
  watch(by: string, storage: Storage): Storage {
    const apply = (range: RangeId, position: Position, changes: readonly RowChange[]): void => {
      this.#note(by, range, position, changes);
      storage.apply(range, position, changes);
    };
    return new Proxy(storage, {
      get(target, name) {
        if (name === 'apply') return apply;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #note(by: string, range: RangeId, { epoch, seq }: Position, changes: readonly RowChange[]): void {
    const text = `${epoch} ${changes.map(({ key, value }) => `${toHex(key)}=${value === null ? '-' : toHex(value)}`)}`;
    const log = this.#ranges.get(range) ?? new Map<number, Applied>();
    this.#ranges.set(range, log);
    const known = log.get(seq);
    if (known === undefined) {
      log.set(seq, { by, text });
      this.#world.clock.mark(seq);
    } else if (known.text !== text) {
      const what = `range ${range} seq ${seq}: ${known.by} applied "${known.text}", ${by} applied "${text}"`;
      this.#world.violation('applied', what);
    }
  }
}
