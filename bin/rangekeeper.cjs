#!/usr/bin/env node
// What the `rangekeeper` on the path is. CommonJS, because it must run before anything uses libuv's thread pool, and the
// loader of ES modules does: with the usual 4 threads the log's syncs queue behind reads.

process.env.UV_THREADPOOL_SIZE ||= '16';
import('./rangekeeper.js').then(({ runCommand }) => runCommand(process.argv.slice(2)));
