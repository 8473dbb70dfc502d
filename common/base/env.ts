// Time, timers and random numbers, behind an interface: this file has the real ones, and the simulator has a twin. Nothing else in
// the project reads a clock, sets a timer or draws a random number.

export interface Timer {
  cancel(): void;
}

export interface Env {
  /** Monotonic milliseconds, fractional; never goes back. The only clock that decisions may use. */
  now(): number;
  /** Unix milliseconds, for people to read. No decision may depend on it. */
  wallNow(): number;
  /** Runs `task` once after at least `ms` milliseconds. */
  after(ms: number, task: () => void): Timer;
  /** Runs `task` at the end of this turn of the event loop, after the input that has already arrived is read. */
  soon(task: () => void): void;
  /** Uniform in [0, 1). */
  random(): number;
  /** Unpredictable bytes, for identities. */
  randomBytes(length: number): Uint8Array;
}

export const realEnv: Env = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after(ms, task) {
    const handle = setTimeout(task, ms);
    return { cancel: () => clearTimeout(handle) };
  },
  soon(task) {
    setImmediate(task);
  },
  random: () => Math.random(),
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** Resolves after `ms` milliseconds. */
export function delay(env: Env, ms: number): Promise<void> {
  return new Promise((resolve) => {
    env.after(ms, resolve);
  });
}

/**
 * Calls `task` every `ms` milliseconds until cancelled, plus or minus a tenth so that many processes do not act together.
 * @param ms the interval, or a function that gives it before each wait
 */
export function every(env: Env, ms: number | (() => number), task: () => void): Timer {
  let timer = env.after(jitter(), run);
  function jitter(): number {
    return (typeof ms === 'number' ? ms : ms()) * (0.9 + env.random() * 0.2);
  }
  function run(): void {
    timer = env.after(jitter(), run);
    task();
  }
  return { cancel: () => timer.cancel() };
}
