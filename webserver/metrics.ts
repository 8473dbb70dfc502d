// What /metrics tells, in Prometheus' text format: counters that only rise, and gauges read at the moment of asking.

export const COUNTERS = {
  requests: 'HTTP requests answered',
  refused: 'requests and upgrades refused for a foreign Host or Origin',
  failures: 'HTTP requests answered with a 5xx status',
  pagesOpened: 'pages that connected to the feed',
  pagesDropped: 'pages cut off because they read too slowly or fell silent',
  feedMessages: 'changes sent to the pages',
} as const;

export type CounterName = keyof typeof COUNTERS;

export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly value: number;
}

export class Metrics {
  readonly #counts = new Map<CounterName, number>();

  add(name: CounterName): void {
    this.#counts.set(name, this.count(name) + 1);
  }

  count(name: CounterName): number {
    return this.#counts.get(name) ?? 0;
  }

  text(gauges: readonly Gauge[]): string {
    const counters = (Object.keys(COUNTERS) as CounterName[]).map((name) =>
      block(`${snake(name)}_total`, COUNTERS[name], 'counter', this.count(name)),
    );
    return [...counters, ...gauges.map(({ name, help, value }) => block(name, help, 'gauge', value))].join(
      '',
    );
  }
}

function block(name: string, help: string, type: string, value: number): string {
  const full = `rangekeeper_webserver_${name}`;
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${full} ${value}\n`;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
