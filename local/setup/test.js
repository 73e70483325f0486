// `npm test`: checks Node, makes sure of the dependencies, then runs the checks and every test, and ends with one line that
// counts them all. Old syntax: see preflight.js.
//   npm test              types, lint, format, generated files, then all tests
//   npm test -- unit      the unit tests alone: no server is started
//   npm test -- PATTERN   the test files whose path matches (any arguments of jest)
'use strict';

var childProcess = require('child_process');
var fs = require('fs');
var os = require('os');
var path = require('path');
var preflight = require('./preflight');
var install = require('./install');

var root = path.join(__dirname, '..', '..');

/** Each counts as one test; the names are npm scripts. */
var CHECKS = ['typecheck', 'lint', 'format:check', 'generated:check'];

function main() {
  var fault = preflight.nodeFault(process.version);
  if (fault) preflight.fail(fault);
  install.ensureInstalled(root, tell, function (error) {
    if (error) preflight.fail(preflight.describe(error));
    runAll(process.argv.slice(2));
  });
}

function runAll(args) {
  var checks = args.length === 0 ? CHECKS : [];
  runChecks(checks, function (counts) {
    runJest(jestArguments(args), function (jestCounts, status) {
      var total = sum(counts, jestCounts);
      // A run that broke before it could count (a server that did not start) has failed, whatever was counted.
      if (status !== 0 && total.failed === 0) total.failed = 1;
      tell('');
      tell(closingLine(total));
      process.exit(total.failed === 0 ? 0 : 1);
    });
  });
}

function jestArguments(args) {
  return args.length === 1 && args[0] === 'unit' ? ['--selectProjects', 'unit'] : args;
}

/** All at once, for each leaves a processor idle at times; what one says is printed when it has ended. */
function runChecks(names, done) {
  var npm = install.npmCommand(process.env, process.execPath);
  var counts = { passed: 0, failed: 0, skipped: 0 };
  var running = names.length;
  if (running === 0) return done(counts);
  tell('> ' + names.join(', '));
  names.forEach(function (name) {
    var words = '';
    var child = runToEnd(npm.program, npm.args.concat(['run', '--silent', name]), process.env, 'pipe', end);
    [child.stdout, child.stderr].forEach(function (stream) {
      stream.setEncoding('utf8');
      stream.on('data', function (text) {
        words += text;
      });
    });
    function end(status) {
      process.stdout.write(words);
      tell((status === 0 ? '  passed: ' : '  FAILED: ') + name);
      counts[status === 0 ? 'passed' : 'failed'] += 1;
      running -= 1;
      if (running === 0) done(counts);
    }
  });
}

function runJest(args, done) {
  var folder = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-count-'));
  var file = path.join(folder, 'counts.json');
  // After the arguments: jest would take the patterns for more reporters.
  var reporters = ['--reporters=default', '--reporters=' + path.join(__dirname, 'count-reporter.js')];
  var jest = require.resolve('jest/bin/jest');
  var env = Object.assign({}, process.env, { HOLDFAST_TEST_COUNT_FILE: file });
  runToEnd(process.execPath, [jest].concat(args, reporters), env, 'inherit', function (status) {
    var counts = readCounts(file);
    fs.rmSync(folder, { recursive: true, force: true });
    done(counts, status);
  });
}

function readCounts(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

/** Runs a program, whose output goes to the terminal or to a pipe; a signal to us is passed on to it. */
function runToEnd(program, args, env, output, done) {
  var child = childProcess.spawn(program, args, {
    cwd: root,
    env: env,
    stdio: ['ignore', output, output],
  });
  var isStopped = false;
  var passOn = function (signal) {
    isStopped = true;
    child.kill(signal);
  };
  process.on('SIGTERM', passOn);
  process.on('SIGINT', passOn);
  child.on('error', function (error) {
    tell(String(error)); // and it closes, with a status below 0
  });
  child.on('close', function (status) {
    process.removeListener('SIGTERM', passOn);
    process.removeListener('SIGINT', passOn);
    if (isStopped) process.exit(130);
    done(status === null ? 1 : status);
  });
  return child;
}

function sum(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

function closingLine(counts) {
  return counts.passed + ' passed, ' + counts.failed + ' failed, ' + counts.skipped + ' skipped';
}

function tell(line) {
  process.stdout.write(line + '\n');
}

module.exports = { closingLine: closingLine, jestArguments: jestArguments };
if (require.main === module) main();
