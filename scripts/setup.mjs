// Makes a clone ready to run: installs the dependencies when they are missing or out of date and,
// with --build, compiles src/ to dist/ when a source file is newer. Plain JavaScript: it runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Installs and builds what is missing. Does nothing, quickly, when everything is up to date. */
export function setUp({ build = true } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Athanor needs Node 20.19 or newer; this is ${process.versions.node}.`)
  }
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (modified(installed) < modified(join(root, 'package-lock.json'))) {
    console.error('athanor: installing dependencies from the npm registry (once) …')
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
  }
  if (build && needsBuild()) {
    console.error('athanor: compiling TypeScript …')
    run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(root, 'tsconfig.build.json')])
  }
}

function needsBuild() {
  const built = modified(join(root, 'dist', '.tsbuildinfo'))
  const inputs = [join(root, 'tsconfig.json'), join(root, 'tsconfig.build.json'), ...files(join(root, 'src'))]
  return inputs.some((file) => modified(file) > built)
}

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32' && command === 'npm',
  })
  if (error) fail(`could not run ${command}: ${error.message}`)
  if (status !== 0) fail(`${command} ${args[0]} failed; see the lines above.`)
}

function fail(message) {
  console.error(`athanor: ${message}`)
  process.exit(1)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  setUp({ build: process.argv.includes('--build') })
}
