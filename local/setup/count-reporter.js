// A jest reporter that writes how many tests passed, failed and were skipped to the file that test.js names.
'use strict';
const { writeFileSync } = require('node:fs');

class CountReporter {
  onRunComplete(_contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      // A file that could not be run at all has no tests to count, yet it failed.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    writeFileSync(process.env.HOLDFAST_TEST_COUNT_FILE, JSON.stringify(counts));
  }
}

module.exports = CountReporter;
