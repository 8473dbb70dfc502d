// Malformed values for every field of a JSON record, as people, other versions or defective programs may leave them in a znode.

const VALUES: readonly unknown[] = [
  ...[undefined, null, true, 0, -1, 1.5, 2 ** 31, 2 ** 53, 1e308],
  ...['', 'x', 'a b', '../x', 'a\nb\u0000', '\ud800', '\\q', 'node.4:7400', '0.0.0.0:0', 'x'.repeat(20_000)],
  ...[[], [null], ['x', 'x'], Array(2_000).fill(0), {}, { a: 1 }, { toString: 1, __proto__: null }],
];

const RECORDS: readonly string[] = [
  '',
  ' ',
  'null',
  '0',
  '[]',
  '"x"',
  '{',
  '{}',
  '{"a":1}',
  '[[[[',
  '\ufeff{}',
  'é'.repeat(9),
];

export interface Rubbish {
  /** Which field has which value, for titles and logs. */
  readonly what: string;
  readonly data: Uint8Array;
}

/** The record with each kind of rubbish in each field, and then rubbish in place of the record. */
export function* rubbishOf(data: Uint8Array): Generator<Rubbish> {
  const record: unknown = JSON.parse(Buffer.from(data).toString());
  for (const path of pathsIn(record)) {
    for (const value of VALUES) {
      const shown = (JSON.stringify(value) ?? 'absent').slice(0, 20);
      yield { what: `${path.join('.')} = ${shown}`, data: encode(replaced(record, path, value)) };
    }
  }
  for (const text of RECORDS) yield { what: `all = ${JSON.stringify(text)}`, data: Buffer.from(text) };
  yield { what: 'all = no UTF-8', data: Uint8Array.of(0xff, 0xfe, 0x00, 0x7b) };
  yield { what: 'all = too much', data: Buffer.from(`"${'x'.repeat(400_000)}"`) };
}

type Path = readonly (string | number)[];

function* pathsIn(value: unknown, above: Path = []): Generator<Path> {
  if (above.length > 0) yield above;
  if (Array.isArray(value)) for (const [at, item] of value.entries()) yield* pathsIn(item, [...above, at]);
  else if (typeof value === 'object' && value !== null)
    for (const [name, item] of Object.entries(value)) yield* pathsIn(item, [...above, name]);
}

function replaced(value: unknown, [first, ...rest]: Path, by: unknown): unknown {
  if (first === undefined) return by;
  if (Array.isArray(value)) return value.map((item, at) => (at === first ? replaced(item, rest, by) : item));
  const record = value as Record<string, unknown>;
  return { ...record, [first]: replaced(record[first], rest, by) };
}

function encode(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value) ?? '');
}
