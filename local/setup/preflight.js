// What must be right before anything else can be: the version of Node. Old syntax on purpose: any Node since 10 must be able
// to read this file and say in one line what is wrong.
'use strict';

var REQUIRED = [20, 19];

/** Null when this version will do, else the line to print. `version` is as in process.version. */
function nodeFault(version) {
  var parts = version.replace(/^v/, '').split('.').map(Number);
  var isEnough = parts[0] > REQUIRED[0] || (parts[0] === REQUIRED[0] && parts[1] >= REQUIRED[1]);
  if (isEnough) return null;
  return 'Holdfast needs Node ' + REQUIRED.join('.') + ' or later. This is Node ' + version + '.';
}

/** Prints one line and ends the process with exit code 1. */
function fail(line) {
  process.stderr.write(line + '\n');
  process.exit(1);
}

/** One clear line for what the system refused, or the error's own stack. */
function describe(error) {
  if (error.code === 'ENOSPC') return 'The disk is full. Free some space, then run the same command again.';
  if (error.code === 'EACCES' || error.code === 'EROFS' || error.code === 'EPERM')
    return 'No write access: ' + error.path + '. Holdfast installs its dependencies into its own folder.';
  return error.stack || String(error);
}

module.exports = { nodeFault: nodeFault, fail: fail, describe: describe };
