#!/usr/bin/env node
// The executable `rangekeeper`. It is CommonJS because it must set the size of libuv's thread pool before anything uses the
// pool, and the loader of ES modules uses it. With the default of 4 threads, syncs of the log would wait behind reads.

'use strict';

if (require('./node-version.cjs').isNewEnough()) {
  process.env.UV_THREADPOOL_SIZE = process.env.UV_THREADPOOL_SIZE || '16';
  import('./rangekeeper.js');
}
