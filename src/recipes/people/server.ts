/** A server of its own for a demonstration: the same `athanor serve` that people use, as a child process. */
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { RecipeError } from '../errors.js'

export interface Server {
  readonly url: string
  close(): Promise<void>
}

/** The command line of this installation. */
const program = fileURLToPath(new URL('../../../bin/athanor.mjs', import.meta.url))

/**
 * Starts the server and waits until it answers.
 * @throws RecipeError with its last words where it ends, or says nothing for two minutes
 */
export async function startServer({
  database,
  model,
  name,
  folder,
  threads,
  signal,
  command = [process.execPath, program],
}: {
  readonly database: string
  /** A model folder, and what requests call it. */
  readonly model: string
  readonly name: string
  /** Where the server may keep runs and data sets. */
  readonly folder: string
  readonly threads?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly command?: readonly string[]
}): Promise<Server> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const args = [
    'serve',
    `--port=${port}`,
    `--database=${database}`,
    '--host=127.0.0.1',
    `--model=${model}`,
    `--name=${name}`,
    `--runs=${join(folder, 'runs')}`,
    `--data=${join(folder, 'data')}`,
    '--log-level=warn',
    ...(threads === undefined ? [] : [`--threads=${threads}`]),
  ]
  const [file, ...before] = command
  const { npm_lifecycle_event: _, ...env } = process.env
  const child = spawn(file!, [...before, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
  let output = ''
  const listen = (chunk: Buffer) => {
    output = `${output}${chunk.toString()}`.slice(-4000)
  }
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const close = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    const patience = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await exited
    clearTimeout(patience)
  }
  try {
    for (let tries = 0; tries < 600; tries++) {
      signal?.throwIfAborted()
      if (child.exitCode !== null || child.signalCode !== null) break
      const health = await fetch(`${url}/health`).catch(() => undefined)
      if (health?.ok) return { url, close }
      await delay(200)
    }
  } catch (error) {
    await close()
    throw error
  }
  await close()
  throw new RecipeError('recipe/server', `the server did not start:\n${output.trim()}`)
}

/** A port that was free just now. */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', resolve)
  })
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
