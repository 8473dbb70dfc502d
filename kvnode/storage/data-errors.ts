// What can be wrong with a data directory. The process that opens it handles each error in its own way.

import { systemCode } from '../../common/base/system-error.ts';

/** Another process uses the data directory. */
export class DataDirectoryLockedError extends Error {
  override readonly name = 'DataDirectoryLockedError';
}

/** The data directory was written by a version of this program with another format. */
export class DataFormatError extends Error {
  override readonly name = 'DataFormatError';
}

/** Whether the file system has no space left, or the quota is used up. */
export function isDiskFull(error: unknown): error is Error {
  const code = systemCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/**
 * Data that was durable is damaged (R12). A torn tail of the log is no damage. The node id must not be used again with
 * what is left: set the directory aside and join as a new node.
 */
export class CorruptDataError extends Error {
  override readonly name = 'CorruptDataError';
}
