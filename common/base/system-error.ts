// The code of an error that Node.js or a native library threw.

/** `ENOENT` and the like; undefined: the error has no code. */
export function systemCode(error: unknown): string | undefined {
  const { code } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return typeof code === 'string' ? code : undefined;
}
