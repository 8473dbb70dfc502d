// Who may answer a read. api.ts of the client says what a caller may expect of each.

export const READ_MODES = ['linearizable', 'fallback', 'stale'] as const;
export type ReadMode = (typeof READ_MODES)[number];
