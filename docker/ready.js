// The image's health check. It requests /readyz from the process of this container, at the port of RANGEKEEPER_LISTEN.

import { Agent, get } from 'node:http';

const port = process.env.RANGEKEEPER_LISTEN?.split(':').at(-1) ?? '7400';

// An agent of its own: without it, NODE_USE_ENV_PROXY would send the request to a proxy.
const request = get(`http://127.0.0.1:${port}/readyz`, { agent: new Agent() }, (response) => {
  response.pipe(process.stdout);
  process.exitCode = response.statusCode === 200 ? 0 : 1;
});
request.once('error', (error) => {
  process.stdout.write(`no answer at port ${port}: ${error.message}\n`);
  process.exitCode = 1;
});
