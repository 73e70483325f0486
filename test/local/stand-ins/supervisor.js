// The supervisor as `npm start` runs it, with stand-ins for our own programs, so that its tests need no API and no worker.
'use strict';
const { join } = require('node:path');
require('tsx/cjs');
const { main } = require('../../../local/supervisor/main.ts');

const program = join(__dirname, 'program.js');
void main({
  root: join(__dirname, '..', '..', '..'),
  parentPid: process.ppid,
  programs: {
    worker: [program, 'worker'],
    api: [program, 'api'],
    simulator: [program, 'simulator'],
    prepareDatabase: async () => {},
  },
});
