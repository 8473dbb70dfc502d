// HTTP requests that go to the named address and nowhere else. With NODE_USE_ENV_PROXY=1 Node.js asks the proxy of the environment,
// also for 127.0.0.1, in `fetch` and in every request without an agent of its own. The processes of a cluster never mean a proxy.

import { Agent, type RequestOptions, request } from 'node:http';
import { text } from 'node:stream/consumers';

const DIRECT = new Agent();

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** Sends one request and reads the answer. Rejects if no answer begins within `timeoutMs`. @param body for a POST */
export function askDirectly(url: string, timeoutMs: number, body?: string): Promise<HttpAnswer> {
  const options: RequestOptions = { agent: DIRECT, method: body === undefined ? 'GET' : 'POST' };
  return new Promise((resolve, reject) => {
    const asked = request(url, options, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, text: answer }), reject);
    });
    asked.setTimeout(timeoutMs, () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    asked.once('error', reject);
    asked.end(body);
  });
}
