// What can be wrong with a data directory, as errors that the process that opens it can tell apart.

/** Another process uses the data directory. */
export class DataDirectoryLockedError extends Error {
  override readonly name = 'DataDirectoryLockedError';
}

/** Made by a version of this program with another format. */
export class DataFormatError extends Error {
  override readonly name = 'DataFormatError';
}

/** Whether the file system refused to grow: no room, or no quota. */
export function isDiskFull(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

/**
 * What was durable is damaged (R12): not a torn tail. The node id must never come back with what is left; set the directory
 * aside and join as a new node.
 */
export class CorruptDataError extends Error {
  override readonly name = 'CorruptDataError';
}
