// `npm start`: checks Node, makes sure of the dependencies, then becomes the supervisor, in this same process, so that a
// signal to it reaches the supervisor. Old syntax: see preflight.js.
'use strict';

var path = require('path');
var preflight = require('./preflight');
var install = require('./install');

var root = path.join(__dirname, '..', '..');
var parentPid = process.ppid;
var fault = preflight.nodeFault(process.version);
if (fault) preflight.fail(fault);

install.ensureInstalled(
  root,
  function (line) {
    process.stdout.write(line + '\n');
  },
  function (error) {
    if (error) preflight.fail(preflight.describe(error));
    require('tsx/cjs');
    void require('../supervisor/main.ts').main({ root: root, parentPid: parentPid });
  },
);
