// Shrinks a failing run to a smaller one that fails in the same way: it removes faults, then operations, and repeats that until
// nothing more can be removed. Each try is a run of its own. Without a fault everything after it happens differently, so a try may
// succeed although that fault was not the cause; then other faults are tried.

/** What can be reduced in a run; the seed decides the rest. */
export interface Size {
  readonly operations: number;
  /** Numbers of the faults that strike. */
  readonly only: readonly number[];
}

/** Whether a run of this size fails in the same way as the first one. */
export type Fails = (size: Size) => Promise<boolean>;

const OPERATIONS_MIN = 10;

/** The smallest failing size found with at most `tries` runs; `start` is known to fail. */
export async function shrink(start: Size, tries: number, fails: Fails): Promise<Size> {
  let left = tries;
  const tried = async (size: Size): Promise<boolean> => left-- > 0 && (await fails(size));
  for (let size = start; ; ) {
    const before = size;
    size = await withFewerFaults(size, tried);
    size = await withFewerOperations(size, tried);
    if (size === before || left <= 0) return size;
  }
}

/** Removes parts of the faults, from halves down to single ones, as long as the run fails without them. */
async function withFewerFaults(start: Size, fails: Fails): Promise<Size> {
  let size = start;
  for (let part = Math.ceil(size.only.length / 2); part > 0; part = part > 1 ? Math.ceil(part / 2) : 0) {
    // Starts at the end, because earlier faults do not depend on later ones.
    for (let from = size.only.length - part; from > -part; from -= part) {
      const only = size.only.filter((_, index) => index < from || index >= from + part);
      if (only.length < size.only.length && (await fails({ ...size, only }))) size = { ...size, only };
    }
  }
  return size;
}

async function withFewerOperations(start: Size, fails: Fails): Promise<Size> {
  let size = start;
  let enough = false;
  while (!enough && size.operations > OPERATIONS_MIN) {
    const fewer = { ...size, operations: Math.max(OPERATIONS_MIN, Math.floor(size.operations / 2)) };
    enough = !(await fails(fewer));
    if (!enough) size = fewer;
  }
  return size;
}
