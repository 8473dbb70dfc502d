// Amounts of memory and disk as people write them: 512MB, 1GiB, 268435456.

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['k', 1024],
  ['kb', 1_000],
  ['kib', 1024],
  ['m', 1024 ** 2],
  ['mb', 1_000 ** 2],
  ['mib', 1024 ** 2],
  ['g', 1024 ** 3],
  ['gb', 1_000 ** 3],
  ['gib', 1024 ** 3],
  ['t', 1024 ** 4],
  ['tb', 1_000 ** 4],
  ['tib', 1024 ** 4],
]);

/**
 * The amount in bytes; null if `text` is not an amount. A single letter (512m) counts in powers of 1024, as in Docker and Java.
 */
export function parseByteSize(text: string): number | null {
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})$/.exec(text.trim());
  const unit = UNITS.get(match?.[2]?.toLowerCase() ?? '');
  if (match === null || unit === undefined) return null;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The amount in its largest binary unit, such as `256 MiB`. */
export function formatByteSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${Number.isInteger(amount) ? amount : amount.toFixed(1)} ${units[power - 1]}`;
}
