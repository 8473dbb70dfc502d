// Which replicas may answer a read. `client/api.ts` says what a caller may expect of each mode.

export const READ_MODES = ['linearizable', 'fallback', 'stale'] as const;
export type ReadMode = (typeof READ_MODES)[number];
