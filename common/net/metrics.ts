// Counters and gauges of one process in Prometheus' text format, for the page /metrics. A family has one help line, and one number
// for each set of labels. Gauges are read at each request.

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(amount?: number): void;
  readonly value: number;
}

interface Family {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** By the text of the labels: the function that gives the number. */
  readonly series: Map<string, () => number>;
  /** Numbers whose labels are known only at the request. */
  readonly found: () => Iterable<readonly [Labels, number]>;
}

export class Metrics {
  readonly #families = new Map<string, Family>();

  /** A number that only rises. By convention its name ends in `_total`. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const counter = {
      value: 0,
      add(amount = 1): void {
        counter.value += amount;
      },
    };
    this.#register('counter', name, help, labels, () => counter.value);
    return counter;
  }

  gauge(name: string, help: string, read: () => number, labels: Labels = {}): void {
    this.#register('gauge', name, help, labels, read);
  }

  /** Gauges whose labels are known only at the request. */
  gauges(name: string, help: string, read: () => Iterable<readonly [Labels, number]>): void {
    this.#families.set(name, { type: 'gauge', help, series: new Map(), found: read });
  }

  /** Prometheus' text exposition format, version 0.0.4. */
  text(): string {
    const lines: string[] = [];
    for (const [name, { type, help, series, found }] of this.#families) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      for (const [labels, read] of series) lines.push(`${name}${labels} ${read()}`);
      for (const [labels, value] of found()) lines.push(`${name}${formatLabels(labels)} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }

  #register(type: Family['type'], name: string, help: string, labels: Labels, read: () => number): void {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { type, help, series: new Map(), found: () => [] };
      this.#families.set(name, family);
    }
    family.series.set(formatLabels(labels), read);
  }
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
