// Makes a clone ready to run: installs the dependencies when they are missing or out of date, compiles src/ to dist/ and
// builds studio/ to dist/studio/, each when a file of its own has changed. Plain JavaScript: it runs before anything is
// installed.
//
//     node scripts/setup.mjs           installs
//     node scripts/setup.mjs --build   installs, compiles and builds
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
/** Names the process that is setting up; only one does at a time. */
const lock = join(dist, '.setup-lock')

/** What is made from the sources: the library with its command line, and the web app. */
const parts = [
  {
    message: 'compiling …',
    inputs: ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'src'],
    result: join(dist, 'cli', 'main.js'),
    /** Holds the signature of the inputs that the result was made from. */
    stamp: join(dist, '.built'),
    // --incremental false: what dist/ holds never depends on what some other compilation left behind.
    command: [
      join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
      ...['-p', join(root, 'tsconfig.build.json'), '--incremental', 'false', '--tsBuildInfoFile', 'null'],
    ],
    failed: 'the sources do not compile; the lines above say why.',
  },
  {
    message: 'building the studio …',
    inputs: ['package-lock.json', 'studio'],
    result: join(dist, 'studio', 'index.html'),
    stamp: join(dist, '.built-studio'),
    command: [
      join(root, 'node_modules', 'vite', 'bin', 'vite.js'),
      ...['build', '--config', join(root, 'studio', 'vite.config.ts'), '--logLevel', 'warn'],
    ],
    failed: 'the studio does not build; the lines above say why.',
  },
]

/** Installs and builds what is missing. Does nothing, quickly, when everything is up to date. */
export function setUp({ build = true } = {}) {
  checkNode()
  const isReady = () => isInstalled() && (!build || parts.every(isBuilt))
  if (isReady()) return
  withLock(() => {
    if (!isInstalled()) install()
    if (!build) return
    for (const part of parts) if (!isBuilt(part)) make(part)
  })
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(
      `Athanor needs Node 20.19 or newer; this is ${process.versions.node}. Get it from https://nodejs.org`,
    )
  }
}

/** Whether node_modules holds what package-lock.json asks for: npm keeps a list of what it has finished installing. */
function isInstalled() {
  const wanted = packagesIn(join(root, 'package-lock.json'))
  const there = packagesIn(join(root, 'node_modules', '.package-lock.json'))
  if (!there) return false
  return Object.entries(wanted ?? {}).every(([path, entry]) => {
    // Optional ones are for other platforms, or left out on purpose.
    if (path === '' || entry.optional || entry.peer) return true
    return there[path]?.version === entry.version && existsSync(join(root, path, 'package.json'))
  })
}

function packagesIn(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}

function install() {
  say('installing dependencies from the npm registry (only this once; a minute or so) …')
  const flags = [
    '--ignore-scripts',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    // Without a network npm would try for over a minute; four more tries in 15 seconds bridge a hiccup.
    '--fetch-retries=4',
    '--fetch-retry-factor=2',
    '--fetch-retry-mintimeout=1000',
  ]
  run('npm', ['ci', ...flags], {
    missing: 'npm was not found. It comes with Node: https://nodejs.org',
    failed:
      'could not install the dependencies; the lines above say why. It needs the npm registry, a disk with space and a folder it may write to. Then run the same command again.',
  })
}

function make({ message, inputs, command, failed, stamp }) {
  say(message)
  // Taken before, so that a file that changes meanwhile is compiled again next time.
  const signature = signatureOf(inputs)
  run(process.execPath, command, { failed })
  writeFileSync(stamp, signature)
}

function isBuilt({ inputs, result, stamp }) {
  if (!existsSync(result)) return false
  try {
    return readFileSync(stamp, 'utf8') === signatureOf(inputs)
  } catch {
    return false
  }
}

/** Changes whenever a file that goes into a part is added, removed or written. */
function signatureOf(inputs) {
  const hash = createHash('sha256')
  for (const path of inputs.flatMap((name) => files(join(root, name)))) {
    const { size, mtimeMs } = statSync(path)
    hash.update(`${path}\0${size}\0${mtimeMs}\0`)
  }
  return hash.digest('hex')
}

/** The path itself, or all files below it. */
function files(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** Runs `work` while no other process sets up the same clone; waits for one that does. */
function withLock(work) {
  let told = false
  while (!takeLock()) {
    const owner = lockOwner()
    if (owner === 'gone' || isStale(owner)) {
      if (owner !== 'gone') rmSync(lock, { force: true })
      continue
    }
    if (!told) say(`process ${owner.pid} is setting up this clone; waiting for it …`)
    told = true
    sleep(200)
  }
  try {
    work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function takeLock() {
  try {
    mkdirSync(dist, { recursive: true })
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname() }), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST' && existsSync(dist)) return false
    return fail(
      `cannot write to ${dist} (${error.code}). A clone installs its dependencies and compiles in its own folder: make it writable, or clone it where you may write.`,
    )
  }
}

function lockOwner() {
  try {
    const age = Date.now() - statSync(lock).mtimeMs
    const text = readFileSync(lock, 'utf8')
    return { age, ...(text === '' ? {} : JSON.parse(text)) }
  } catch (error) {
    return error.code === 'ENOENT' ? 'gone' : { age: Number.POSITIVE_INFINITY }
  }
}

/** A process that died leaves its lock; of one on another machine only the age tells. */
function isStale({ pid, host, age }) {
  if (pid === undefined) return age > 5_000
  if (host !== hostname()) return age > 30 * 60_000
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

/** Runs a program with everything it prints on stderr: stdout belongs to the command's result. */
function run(command, args, { missing, failed }) {
  // On Windows npm is a script, which only a shell can run; none of the arguments needs quoting.
  const inShell = process.platform === 'win32' && command === 'npm'
  const options = { cwd: root, stdio: ['ignore', 2, 2] }
  const { status, signal, error } = inShell
    ? spawnSync([command, ...args].join(' '), { ...options, shell: true })
    : spawnSync(command, args, options)
  if (error) fail(error.code === 'ENOENT' && missing ? missing : `could not run ${command}: ${error.message}`)
  if (signal) fail(`${command} was stopped (${signal}); run the same command again.`, 130)
  if (status !== 0) fail(failed)
}

function sleep(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

function say(text) {
  process.stderr.write(`athanor: ${text}\n`)
}

/** Ends the process; `finally` blocks do not run then, so the lock goes here. */
function fail(message, code = 1) {
  say(message)
  if (lockOwner().pid === process.pid) rmSync(lock, { force: true })
  process.exit(code)
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))) {
  setUp({ build: process.argv.includes('--build') })
}
