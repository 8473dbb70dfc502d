// Assertions of our own invariants. They run in production, too: a broken invariant stops the process before it does more harm.

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Throws {@link AssertionError} unless `condition` holds. One fact per call. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the `default` of an exhaustive switch, which does not compile while a case is missing. Throws {@link AssertionError}. */
export function never(value: never): never {
  throw new AssertionError(`unexpected variant: ${JSON.stringify(value)}`);
}

/** Returns `value`. Throws {@link AssertionError} if it is null or undefined. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new AssertionError(`${what} is missing`);
  return value;
}
