// The only file of the page that uses the clock, timers and random numbers.

export interface Timer {
  cancel(): void;
}

/** The browser's clock, Unix ms. */
export function wallNow(): number {
  return Date.now();
}

export function after(ms: number, task: () => void): Timer {
  const handle = setTimeout(task, ms);
  return { cancel: () => clearTimeout(handle) };
}

/** Uniform in [0, 1). */
export const randomSource = { random: () => Math.random() };
