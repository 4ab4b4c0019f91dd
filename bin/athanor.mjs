#!/usr/bin/env node
// The command. In a clone it first installs and compiles what is missing; in the npm package dist/ is already there.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const inClone = existsSync(fileURLToPath(new URL('../src', import.meta.url)))
if (inClone) {
  const { setUp } = await import('../scripts/setup.mjs')
  setUp()
}
await import('../dist/cli/main.js')
