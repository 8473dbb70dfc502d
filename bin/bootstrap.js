// What the npm scripts run: `node bin/bootstrap.js start|test|repl|bench|sim|test:docker [arguments]`. Works on a machine where
// nothing but Node is there yet, so it uses no package, and no syntax that an old Node would stumble over before it has
// been told what it is. The work is in setup.js.

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
