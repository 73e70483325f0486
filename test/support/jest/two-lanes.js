// A jest runner with two lanes. Many test files mostly wait: for a minute without Temporal, for a timeout of the product, for
// its next tick. They go one after the other beside the files that keep the processors busy, so that a run is not the sum of its
// waits. Of the busy ones no more than `maxWorkers` run at once: with more, tests on virtual time starve.
'use strict';
const { relative, sep } = require('node:path');
const { default: TestRunner } = require('jest-runner');

const { LONG, MOSTLY_WAITING } = require('./schedule');

class TwoLanes extends TestRunner {
  constructor(globalConfig, context) {
    super(globalConfig, context);
    this.waitingLane = new TestRunner({ ...globalConfig, maxWorkers: 1 }, context);
  }

  async runTests(tests, watcher, options) {
    const { waiting, busy } = splitLanes(tests);
    if (options.serial || waiting.length === 0 || busy.length === 0)
      return super.runTests([...busy, ...waiting], watcher, options);
    await Promise.all([
      super.runTests(busy, watcher, options),
      this.waitingLane.runTests(waiting, watcher, options),
    ]);
  }

  on(eventName, listener) {
    const leave = [super.on(eventName, listener), this.waitingLane.on(eventName, listener)];
    return () => leave.forEach((off) => off());
  }
}

/** Both with the longest first, so that no long file is left alone at the end; what is not listed as jest has sorted it. */
function splitLanes(tests) {
  const pick = (names) => names.flatMap((name) => tests.filter((test) => nameOf(test) === name));
  const waiting = pick(MOSTLY_WAITING);
  const long = pick(LONG);
  const listed = new Set([...waiting, ...long]);
  return { waiting, busy: [...long, ...tests.filter((test) => !listed.has(test))] };
}

function nameOf({ path, context }) {
  const folder = `${context.config.rootDir}/test`;
  return relative(folder, path)
    .split(sep)
    .join('/')
    .replace(/\.test\.ts$/, '');
}

module.exports = TwoLanes;
