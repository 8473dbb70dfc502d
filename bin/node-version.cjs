// Whether this Node.js is new enough: "engines" of package.json says what is needed. Every way into the programs and into the
// client asks here before it loads anything else. The syntax is old, so that an old Node.js can run it and say which one is needed.

'use strict';

var needed = require('../package.json').engines.node.replace('>=', '');

/** One line that says what is wrong; null: this Node.js is new enough. */
exports.refusal = function () {
  var version = process.versions.node;
  var wanted = needed.split('.').map(Number);
  var found = version.split('.').map(Number);
  if (found[0] > wanted[0] || (found[0] === wanted[0] && found[1] >= wanted[1])) return null;
  return 'Rangekeeper needs Node.js ' + needed + ' or newer; this is ' + version + ' (' + process.execPath + ')';
};

/** False if this Node.js is too old. Then one line says so on stderr, and the exit code is 1. */
exports.isNewEnough = function () {
  var reason = exports.refusal();
  if (reason === null) return true;
  process.stderr.write(reason + '\n');
  process.exitCode = 1;
  return false;
};
