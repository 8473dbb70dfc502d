// The benchmark's page in a real browser: it loads nothing from other places, and every plot is drawn.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { pageOf } from '../../bench/report/page.ts';
import { rowOf } from '../../bench/report/results.ts';
import { openPage } from '../support/web-page.ts';

/** The colour of the first line of every plot (bench/report/draw.ts). */
const COLOUR = [0x24, 0x56, 0xa6];

/** Runs in the page: counts the pixels of a canvas with about this colour, because lines have soft edges. */
function countPixels(canvas: unknown, colour: readonly number[]): number {
  const { width, height, getContext } = canvas as {
    readonly width: number;
    readonly height: number;
    getContext(kind: '2d'): {
      getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
    };
  };
  const { data } = getContext.call(canvas, '2d').getImageData(0, 0, width, height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4)
    if (data[at + 3] === 255 && colour.every((part, i) => Math.abs((data[at + i] ?? 0) - part) < 40)) count++;
  return count;
}

test('every plot is drawn, with a legend that names its lines', async (t) => {
  const rows = ['64 callers', '256 callers'].flatMap((variant) =>
    ['Rangekeeper <3>', 'etcd'].map((contender, i) =>
      rowOf({
        ...{ work: 'PUT', variant, contender, client: 'c', unit: 'ops/s', values: [9, 7, 8 + i] },
        quantiles: [1, 2, 3, 4, 5, 6, 70].map((ms) => ms * (i + 1)),
      }),
    ),
  );
  const machine = { cpu: 'A', cores: 2, memoryGib: 4, kernel: 'Linux', filesystem: 'ext4', isMemory: false };
  const page = pageOf({
    ...{ scale: 'quick', startedAt: '2026-11-21', minutes: 1, rows, verdicts: [], calm: [] },
    machine: { ...machine, node: 'v20', peers: {} },
  });
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(page));
  t.teardown(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const opened = await openPage(t, `127.0.0.1:${port}`);
  const canvases = opened.locator('canvas');
  // One plot of throughput by callers, and for each comparison one of its rounds and one of its latencies.
  await canvases.nth(4).waitFor();
  t.is(await canvases.count(), 5);
  for (const canvas of await canvases.all())
    t.true((await canvas.evaluate(countPixels, COLOUR)) > 100, 'a line is drawn');
  const legend = await opened.locator('#plot-1 .u-legend').innerText();
  t.true(legend.includes('Rangekeeper <3> (c)') && legend.includes('etcd (c)'), legend);
});
