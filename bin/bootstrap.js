// The npm scripts run this file: `node bin/bootstrap.js start|test|check|repl|bench|sim|test:docker|mutants [arguments]`. It
// works on a machine that has only Node, so it uses no packages. It uses no new syntax either, so that an old Node can run it
// and print which version is needed. The work is done in setup.js.

const MINIMUM = [20, 15];
const version = process.versions.node;
const [major, minor] = version.split('.').map(Number);

if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
  process.stderr.write(
    `Rangekeeper needs Node.js ${MINIMUM.join('.')} or newer; this is ${version} (${process.execPath})\n`,
  );
  process.exitCode = 1;
} else {
  import('./setup.js')
    .then(({ runScript }) => runScript(process.argv[2], process.argv.slice(3)))
    .catch((error) => {
      process.stderr.write(`rangekeeper: ${error.isForPeople ? error.message : error.stack}\n`);
      process.exitCode = 1;
    });
}
