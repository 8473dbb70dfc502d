// The cluster of docker/compose.yaml in a project of its own, for the stories of this folder: it has free ports, a REPL inside the
// network, and functions that wait.

import { delay, realEnv } from '../../common/base/env.ts';
import { freePorts } from '../../common/zk/server-port.ts';
import { Compose, docker } from './compose.ts';

export type Fields = Readonly<Record<string, unknown>>;

export const REPL = ['rangekeeper', 'repl', '--output', 'ndjson'];
export const UP_MS_MAX = 180_000;
export const HOST = '127.0.0.1';
export const ZOOKEEPERS = ['zk1', 'zk2', 'zk3'] as const;
export const NODES = ['n1', 'n2', 'n3'] as const;
const POLL_MS = 300;

/** The port of each service on this machine. */
export type Ports = Readonly<Record<string, number>>;

export class Deployment {
  readonly compose: Compose;
  readonly ports: Ports;

  constructor(compose: Compose, ports: Ports) {
    this.compose = compose;
    this.ports = ports;
  }

  static async prepare(project: string): Promise<Deployment> {
    const services = [...ZOOKEEPERS, ...NODES, 'web'];
    const free = await freePorts(realEnv, HOST, services.length);
    const ports = Object.fromEntries(services.map((service, at) => [service, free[at] ?? 0]));
    const variables = services.map((name) => [`RANGEKEEPER_${name.toUpperCase()}_PORT`, String(ports[name])]);
    return new Deployment(await Compose.find(project, Object.fromEntries(variables)), ports);
  }

  /** The same deployment with other values of variables in the compose file. */
  with(environment: Readonly<Record<string, string>>): Deployment {
    return new Deployment(this.compose.with(environment), this.ports);
  }

  /** The first record that a REPL inside the network prints for a command; null: the command fails. */
  async answer(command: string): Promise<Fields | null> {
    const rows = await this.rows(command);
    return rows?.[0] ?? null;
  }

  /** All records that it prints; null: the command fails. */
  async rows(command: string): Promise<Fields[] | null> {
    const { code, stdout } = await this.compose.try('exec', '-T', 'webserver', ...REPL, '-e', command);
    if (code !== 0) return null;
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map(fieldsOf);
  }

  async #container(service: string): Promise<string> {
    const [id] = await this.compose.containers(service);
    if (id === undefined) throw new Error(`${service} has no container`);
    return id;
  }

  /** The output of `docker inspect` for a service's container. */
  async inspect(service: string, format: string): Promise<string> {
    return (await docker('inspect', '--format', format, await this.#container(service))).trim();
  }

  /** Disconnects a service from the project's network. Its process runs on, but nobody reaches it. */
  async cutOff(service: string): Promise<void> {
    await docker('network', 'disconnect', `${this.compose.project}_default`, await this.#container(service));
  }

  /** Connects the service again, under its name. */
  async rejoin(service: string): Promise<void> {
    const network = `${this.compose.project}_default`;
    await docker('network', 'connect', '--alias', service, network, await this.#container(service));
  }

  async inSyncAgain(key: string, service: string): Promise<void> {
    await eventually(`${service} in-sync again`, UP_MS_MAX, async () => {
      const now = await this.answer(`where ${key}`);
      return now !== null && namesIn(now.inSync).includes(service) ? now : null;
    });
  }
}

export function fieldsOf(json: string): Fields {
  return JSON.parse(json) as Fields;
}

export async function eventually<T>(what: string, ms: number, attempt: () => Promise<T | null>): Promise<T> {
  const deadline = realEnv.now() + ms;
  for (;;) {
    const result = await attempt();
    if (result !== null) return result;
    if (realEnv.now() > deadline) throw new Error(`no ${what} within ${ms / 1000} s`);
    await delay(realEnv, POLL_MS);
  }
}

/** The name of a node, which is `{ id, name }` or the name itself. */
export function nameIn(node: unknown): string {
  return typeof node === 'object' && node !== null && 'name' in node ? String(node.name) : String(node);
}

export function namesIn(nodes: unknown): string[] {
  return Array.isArray(nodes) ? nodes.map(nameIn) : [];
}

export function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not true: ${what}`);
}

export function say(text: string): void {
  process.stdout.write(`test:docker: ${text}\n`);
}
