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

/** `ms` give or take a quarter, so that many pages do not come back at the same instant. */
export function jittered(ms: number): number {
  return ms * (0.75 + Math.random() * 0.5);
}
