// The guardian's own process: reads what to watch, one JSON message a line, from the pipe its owner holds. When the pipe
// closes without a "close" message the owner is dead, and everything watched is ended. Plain JavaScript: it must be small.
'use strict';
const { execFileSync } = require('node:child_process');
const { readFileSync, rmSync } = require('node:fs');
const { createInterface } = require('node:readline');

const GRACE_MS = 6000;
const watched = new Map();
const doomed = new Set();
let isEnding = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const message = JSON.parse(line);
  if (message.watch) watched.set(message.watch.pid, message.watch);
  if (message.unwatch) watched.delete(message.unwatch);
  if (message.remove) doomed.add(message.remove);
  if (message.close) process.exit(0);
  if (message.endAll !== undefined) endAll(message.endAll);
});
lines.on('close', () => {
  for (const path of doomed) rmSync(path, { force: true });
  endAll(GRACE_MS);
});

function endAll(graceMs) {
  if (isEnding) return;
  isEnding = true;
  for (const target of watched.values()) signal(target, target.signal);
  const deadline = Date.now() + graceMs;
  const timer = setInterval(() => {
    const left = [...watched.values()].filter(isRunning);
    if (left.length > 0 && Date.now() < deadline) return;
    for (const target of left) signal(target, 'SIGKILL');
    clearInterval(timer);
    process.exit(0);
  }, 50);
}

function signal(target, name) {
  if (!isRunning(target)) return;
  try {
    process.kill(target.isGroup ? -target.pid : target.pid, name);
  } catch {
    // ended in between
  }
}

// The same rule as identity.ts, which this file cannot import.
function isRunning(target) {
  try {
    if (process.platform !== 'linux') return ps(target.pid) === target.startedAt;
    const stat = readFileSync(`/proc/${target.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] !== 'Z' && fields[0] !== 'X' && fields[19] === target.startedAt;
  } catch {
    return false;
  }
}

function ps(pid) {
  const env = { PATH: '/bin:/usr/bin', LC_ALL: 'C' };
  const options = { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] };
  return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], options).trim();
}
