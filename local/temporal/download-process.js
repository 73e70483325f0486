// Lets the Temporal SDK download a server into a folder: node download-process.js <kind> <version> <folder>
// Exit code 0 once the program is there, 1 with one line on standard error otherwise.
'use strict';
const { existsSync, readdirSync } = require('node:fs');
const { TestWorkflowEnvironment } = require('@temporalio/testing');
const { DefaultLogger, Runtime } = require('@temporalio/worker');

const [kind, version, downloadDir] = process.argv.slice(2);
Runtime.install({ logger: new DefaultLogger('ERROR') });

async function main() {
  const server = { executable: { type: 'cached-download', version, downloadDir } };
  // The SDK offers no download without a start, so the server runs for a moment.
  const create = kind === 'dev-server' ? 'createLocal' : 'createTimeSkipping';
  const env = await TestWorkflowEnvironment[create]({ server });
  await env.teardown();
}

main().then(
  () => process.exit(0),
  (error) => {
    const programs = existsSync(downloadDir) ? readdirSync(downloadDir) : [];
    const isComplete = programs.some((name) => !name.endsWith('.downloading'));
    if (isComplete) process.exit(0); // only the moment's start failed, on a slow machine
    process.stderr.write(`${rootMessage(error)}\n`);
    process.exit(1);
  },
);

/** The end of the chain of causes, which the SDK writes into one long line. */
function rootMessage(error) {
  return String(error.message).split('\n')[0].split(': ').slice(-2).join(': ');
}
