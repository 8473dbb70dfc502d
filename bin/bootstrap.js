// The npm scripts run this file: `node bin/bootstrap.js start|test|check|repl|bench|sim|test:docker|mutants|pack [arguments]`. It
// works on a machine that has only Node, so it uses no packages. The work is done in setup.js.

import nodeVersion from './node-version.cjs';

if (nodeVersion.isNewEnough()) {
  import('./setup.js')
    .then(({ runScript }) => runScript(process.argv[2], process.argv.slice(3)))
    .catch((error) => {
      process.stderr.write(`rangekeeper: ${error.isForPeople ? error.message : error.stack}\n`);
      process.exitCode = 1;
    });
}
