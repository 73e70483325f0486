// Stands in for worker, API and simulator in the supervisor's tests: node program.js <role>. Answers 200 on its port, ends on
// SIGTERM (unless STAND_IN_DEAF names its role) and when its supervisor is gone.
'use strict';
const { createServer } = require('node:http');

const role = process.argv[2];
const env = process.env;
const port = { worker: env.METRICS_PORT, api: env.API_PORT, simulator: env.STRIPE_SIMULATOR_PORT }[role];
if (env.STAND_IN_BROKEN === role) {
  console.error(`${role} is broken on purpose`);
  process.exit(3);
}

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    const isList = request.url === '/_simulator/webhook_endpoints';
    response.end(JSON.stringify(isList ? { webhook_endpoints: [] } : { secret: 'whsec_stand_in' }));
  });
});
server.listen(Number(port), '127.0.0.1');
console.log(
  JSON.stringify({
    level: 30,
    time: Date.now(),
    msg: `${role} stand-in`,
    secrets: env.STRIPE_WEBHOOK_SECRETS,
  }),
);

const end = () => process.exit(0);
process.on('disconnect', end);
process.on('SIGTERM', () => {
  if (env.STAND_IN_DEAF !== role) end();
});
