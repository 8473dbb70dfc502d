// The command `rangekeeper`, also without rangekeeper.cjs. It only runs, and exports nothing: a program that asks whether it is the
// one that was started gets the wrong answer through a symbolic link.

import nodeVersion from './node-version.cjs';

if (nodeVersion.isNewEnough())
  import('./commands.js').then(({ runCommand }) => runCommand(process.argv.slice(2)));
