// Installs the locked dependencies when they are missing or stale. The marker that tells so is written last, so that an
// interrupted installation is done again. Old syntax: see preflight.js.
'use strict';

var childProcess = require('child_process');
var crypto = require('crypto');
var fs = require('fs');
var path = require('path');

var MARKER = '.holdfast-lock-hash';
var WAIT_MAX_MS = 20 * 60 * 1000;
var PROGRESS_EVERY_MS = 10 * 1000;

/** Whether node_modules below `root` was installed completely from the present package-lock.json. */
function isInstalled(root) {
  try {
    return fs.readFileSync(path.join(root, 'node_modules', MARKER), 'utf8').trim() === lockHash(root);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Makes sure of the dependencies, then calls `done(error)`. Two at once do no harm: the second waits, then looks again.
 * @param tell prints a line of progress
 */
function ensureInstalled(root, tell, done) {
  try {
    if (isInstalled(root)) return done(null);
    fs.accessSync(root, fs.constants.W_OK);
    waitForOther(root, tell, Date.now() + WAIT_MAX_MS, function (error) {
      if (error) return done(error);
      if (isInstalled(root)) return done(null);
      install(root, tell, done);
    });
  } catch (error) {
    done(error);
  }
}

function install(root, tell, done) {
  var hash = lockHash(root);
  var startedAt = Date.now();
  var npm = npmCommand(process.env, process.execPath);
  tell('Installing dependencies (npm ci): about a minute on the first start.');
  var child = childProcess.spawn(npm.program, npm.args.concat(INSTALL_ARGS), {
    cwd: root,
    stdio: ['ignore', 'inherit', 'pipe'],
    detached: true, // a group of its own: it ends as a whole
  });
  noteInstaller(root, child.pid);
  var endWithUs = function () {
    killGroup(child.pid);
  };
  var signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  var onSignal = function () {
    endWithUs();
    process.exit(1);
  };
  signals.forEach(function (signal) {
    process.on(signal, onSignal);
  });
  var words = '';
  child.stderr.on('data', function (chunk) {
    words = (words + chunk).slice(-20000);
  });
  var progress = setInterval(function () {
    tell('Installing dependencies: ' + Math.round((Date.now() - startedAt) / 1000) + ' s.');
  }, PROGRESS_EVERY_MS);
  var isOver = false;
  var finish = function (error) {
    if (isOver) return;
    isOver = true;
    clearInterval(progress);
    signals.forEach(function (signal) {
      process.removeListener(signal, onSignal);
    });
    try {
      fs.unlinkSync(installerPath(root));
      if (!error) writeMarker(root, hash);
      done(error);
    } catch (fault) {
      done(error || fault);
    }
  };
  child.on('error', finish);
  child.on('close', function (status) {
    finish(status === 0 ? null : installError(words, status));
  });
}

// The SDK's test package downloads the Temporal servers, so the development dependencies are needed by both commands.
var INSTALL_ARGS = [
  'ci',
  '--no-audit',
  '--no-fund',
  '--include=dev',
  '--include=optional',
  '--loglevel=error',
];

/** The npm that runs us when there is one, else the one on PATH. */
function npmCommand(env, node) {
  var script = env.npm_execpath;
  if (script && /npm(-cli)?\.c?js$/.test(script) && fs.existsSync(script))
    return { program: node, args: [script] };
  return { program: 'npm', args: [] };
}

function installError(words, status) {
  var error = new Error();
  if (/ENOSPC|no space left/i.test(words)) {
    error.code = 'ENOSPC';
    return error;
  }
  var lines = words.split('\n').filter(function (line) {
    return /npm (error|ERR!)/.test(line) && !/complete log|[\\/]_logs[\\/]/.test(line);
  });
  error.stack =
    'npm ci failed with exit code ' + status + ':\n' + (lines.slice(0, 8).join('\n') || words.slice(-2000));
  return error;
}

/** Whoever installs writes its pid beside node_modules, because npm ci empties that. */
function installerPath(root) {
  return path.join(root, '.holdfast', 'install.pid');
}

function noteInstaller(root, pid) {
  fs.mkdirSync(path.join(root, '.holdfast'), { recursive: true, mode: 457 /* 0711: see local/postgres */ });
  fs.writeFileSync(installerPath(root), String(pid));
}

function waitForOther(root, tell, deadline, done) {
  var pid = readInstaller(root);
  if (pid === null || !isInstaller(pid)) return done(null);
  if (Date.now() > deadline)
    return done(new Error('Another installation (pid ' + pid + ') does not end. Stop it first.'));
  if (!waitForOther.told)
    tell('Another process is installing the dependencies (pid ' + pid + '): waiting for it.');
  waitForOther.told = true;
  setTimeout(function () {
    waitForOther(root, tell, deadline, done);
  }, 500);
}

function readInstaller(root) {
  try {
    return Number(fs.readFileSync(installerPath(root), 'utf8')) || null;
  } catch {
    return null;
  }
}

/** A pid may be another program's by now: where the system tells, its command line must be npm's. */
function isInstaller(pid) {
  try {
    process.kill(pid, 0);
    if (!fs.existsSync('/proc/self/cmdline')) return true;
    return /npm/.test(fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8'));
  } catch {
    return false;
  }
}

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // ended already
  }
}

function lockHash(root) {
  return crypto
    .createHash('sha256')
    .update(fs.readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
}

function writeMarker(root, hash) {
  var marker = path.join(root, 'node_modules', MARKER);
  fs.writeFileSync(marker + '.new', hash + '\n');
  fs.renameSync(marker + '.new', marker);
}

module.exports = {
  isInstalled: isInstalled,
  ensureInstalled: ensureInstalled,
  npmCommand: npmCommand,
  installError: installError,
};
