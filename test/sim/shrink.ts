// From a run that fails to a smaller one that fails in the same way: fewer faults, then fewer operations, again and again
// until nothing can go any more. Each try is a run of its own; leaving a fault out changes what happens after it, so a try
// may fail no more though the fault was not to blame, and another one is tried.

/** What of a run can be made smaller; the seed decides the rest. */
export interface Size {
  readonly operations: number;
  /** Numbers of the faults that strike. */
  readonly only: readonly number[];
}

/** Whether a run of this size fails as the first one did. */
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

/** Leaves out ever smaller parts of the faults, as long as it fails without them. */
async function withFewerFaults(start: Size, fails: Fails): Promise<Size> {
  let size = start;
  for (let part = Math.ceil(size.only.length / 2); part > 0; part = part > 1 ? Math.ceil(part / 2) : 0) {
    // From the end: the last faults are least likely to be needed for those before them.
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
