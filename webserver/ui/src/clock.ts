// The page's only access to time and chance; everything else of the page takes them from here.

export interface Timer {
  cancel(): void;
}

/** Unix ms of this browser. */
export function wallNow(): number {
  return Date.now();
}

export function after(ms: number, task: () => void): Timer {
  const handle = setTimeout(task, ms);
  return { cancel: () => clearTimeout(handle) };
}

/** Uniform in [0, 1). */
export const chance = { random: () => Math.random() };
