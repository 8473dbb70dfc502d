// Formats numbers, times and sizes for people.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** `850 ms`, `1.4 s` */
export function formatMs(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Time of day, 24 h, in the browser's time zone. */
export function formatTime(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

/** Date and time, for a tooltip. */
export function formatMoment(at: number): string {
  return new Date(at).toLocaleString('en-GB');
}

/** The start of a range. The empty key would be an empty text, so it is named. */
export function formatStart(start: string): string {
  return start === '' ? 'first key' : start;
}

export function formatEnd(end: string | null): string {
  return end ?? 'last key';
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
