// `node bin/build.js`: builds dist/ (build-dist.js).

import { BuildError, build } from './build-dist.js';

build().catch((error) => {
  process.stderr.write(`${error instanceof BuildError ? error.message : error.stack}\n`);
  process.exitCode = 1;
});
