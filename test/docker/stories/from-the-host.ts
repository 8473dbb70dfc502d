// A program on the machine itself uses the cluster, by the published ports and by the names of the nodes, which /etc/hosts maps to
// 127.0.0.1. Here the program runs in a container on the machine's network, so that it has an /etc/hosts of its own.

import { docker } from '../compose.ts';
import { type Deployment, fieldsOf, HOST, must, NODES, say, ZOOKEEPERS } from '../deployment.ts';

const KEYS = ['a', 'host/1', 'z'];

export async function fromTheHost(deployment: Deployment): Promise<void> {
  const { ports } = deployment;
  const zk = `${ZOOKEEPERS.map((name) => `${HOST}:${ports[name]}`).join(',')}/rangekeeper`;
  const hosts = NODES.flatMap((name) => ['--add-host', `${name}:${HOST}`]);
  const commands = KEYS.map((key) => `put ${key} joined; get ${key}`).join('; ');
  const repl = ['repl', '--zk', zk, '--output', 'ndjson', '-e', commands];
  const printed = await docker('run', '--rm', '--network', 'host', ...hosts, 'rangekeeper:local', ...repl);
  const answers = printed
    .split('\n')
    .filter((line) => line !== '')
    .map(fieldsOf);
  const values = answers.filter(({ value }) => value !== undefined).map(({ value }) => value);
  must(values.length === KEYS.length && values.every((value) => value === 'joined'), `read back: ${printed}`);
  must(
    (await deployment.answer('get host/1'))?.value === 'joined',
    'the value can be read inside the network',
  );
  for (const name of [...NODES, ...ZOOKEEPERS]) {
    const bindings = await deployment.inspect(name, '{{json .HostConfig.PortBindings}}');
    must(
      !/"HostIp":"(?!127\.0\.0\.1")/.test(bindings),
      `${name} is published on 127.0.0.1 only: ${bindings}`,
    );
  }
  say(`a program on the machine's network wrote and read ${KEYS.join(', ')}`);
}
