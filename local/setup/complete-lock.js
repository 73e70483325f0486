// node local/setup/complete-lock.js: adds to package-lock.json the optional packages of other platforms that npm left out.
// npm leaves out what the registry in use does not serve, and `npm ci` then refuses the lock file everywhere. Name and version
// are those their parent pins; the platform is read from the name. Run it after any change of the dependencies.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const SYSTEMS = [
  'darwin',
  'win32',
  'freebsd',
  'openbsd',
  'netbsd',
  'sunos',
  'aix',
  'android',
  'openharmony',
  'linux',
];
const PROCESSORS = [
  'arm64',
  'arm',
  'x64',
  'ia32',
  'ppc64',
  's390x',
  'riscv64',
  'loong64',
  'mips64el',
  'wasm32',
];

/** What is missing, as [path in the lock file, entry]. */
function missingEntries(packages) {
  const missing = new Map();
  for (const [path, parent] of Object.entries(packages))
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {}))
      if (!isLocked(packages, path, name))
        missing.set(`node_modules/${name}`, describe(name, version, parent.dev === true));
  return [...missing];
}

/** Whether `name` resolves from the package at `path`: in its own node_modules or in one above. */
function isLocked(packages, path, name) {
  for (let base = path; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
    if (packages[`${base ? `${base}/` : ''}node_modules/${name}`]) return true;
    if (base === '') return false;
  }
}

/** No integrity: it is not known here, and npm does without where the entry applies. */
function describe(name, version, isDev) {
  const words = name.split('/').at(-1).split('-');
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  const last = words.at(-1);
  const libc =
    os === 'linux' && (last.startsWith('musl') ? 'musl' : last.startsWith('gnu') ? 'glibc' : undefined);
  return {
    version,
    ...(cpu && { cpu: [cpu] }),
    ...(isDev && { dev: true }),
    ...(libc && { libc: [libc] }),
    optional: true,
    ...(os && { os: [os] }),
  };
}

function main() {
  const file = join(__dirname, '..', '..', 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const missing = missingEntries(lock.packages);
  const all = [...Object.entries(lock.packages), ...missing];
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(`Added ${missing.length} packages of other platforms.\n`);
}

module.exports = { missingEntries };
if (require.main === module) main();
