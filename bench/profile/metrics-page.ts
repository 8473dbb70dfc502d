// The numbers of a node's /metrics page.

export type Numbers = Readonly<Record<string, number>>;

/** Empty where nobody answers. */
export async function metricsAt(address: string): Promise<Numbers> {
  try {
    return numbersIn(await (await fetch(`http://${address}/metrics`)).text());
  } catch {
    return {};
  }
}

/** Prometheus' text form; names without the prefix that all of a process share. */
export function numbersIn(text: string): Numbers {
  const lines = text.matchAll(/^(?:rangekeeper_node_)?(\w+)(?:\{[^}]*\})? (\S+)$/gm);
  const numbers: Record<string, number> = {};
  for (const [, name = '', value] of lines) numbers[name] = (numbers[name] ?? 0) + Number(value);
  return numbers;
}

/** What only rises, by how much it did; without `_total`. */
export function riseOf(before: Numbers, after: Numbers): Numbers {
  return Object.fromEntries(
    Object.entries(after)
      .filter(([name]) => name.endsWith('_total'))
      .map(([name, value]) => [name.slice(0, -'_total'.length), value - (before[name] ?? 0)]),
  );
}

/** Bytes kept in memory, by what they are. */
export function cachesOf(numbers: Numbers): Numbers {
  return Object.fromEntries(
    Object.entries(numbers).flatMap(([name, value]) => {
      const kept = /^(\w+_cache|overlay)_bytes$/.exec(name)?.[1];
      return kept === undefined ? [] : [[kept.replaceAll('_', ' '), value]];
    }),
  );
}
