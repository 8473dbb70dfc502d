// The process that runs a load program (main.ts). It is no command of bin/rangekeeper.js, because the published packages have no
// benchmark.

import { runMain } from '../../common/process/main.ts';
import { main } from './main.ts';

await runMain('bench load', main, process.argv.slice(2));
