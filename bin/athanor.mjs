#!/usr/bin/env node
// The command. In a clone it first installs and compiles what is missing; in the npm package dist/ is already there.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const inClone = existsSync(fileURLToPath(new URL('../src', import.meta.url)))
if (inClone) {
  const { setUp } = await import('../scripts/setup.mjs')
  setUp()
}
// npm runs `npm start` in the clone's folder; paths are meant from where the user stands.
const { npm_lifecycle_event: script, npm_package_name: name, INIT_CWD: cwd } = process.env
if (script === 'start' && name === 'athanor' && cwd && existsSync(cwd)) process.chdir(cwd)

await import('../dist/cli/main.js')
