/** llama.cpp serving the same weights, asked the same questions in the same way as `serving.ts` asks the engine. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { exportGguf } from '../compress/index.js'
import type { GgufTensorType } from '../hub/index.js'
import { Rng } from '../rng.js'
import { BenchError } from './peer.js'
import { ANSWER_TOKENS, PROMPT_TOKENS, SERVING_CLIENTS, SERVING_SLOTS, type ServingPoint } from './serving.js'
import { median } from './statistics.js'

export interface LlamaServerOptions {
  /** A model folder that llama.cpp has an architecture for. */
  readonly dir: string
  readonly vocabSize: number
  readonly type: GgufTensorType
  readonly threads: number
  readonly seconds: number
  /** Default `llama-server` on the PATH. */
  readonly binary?: string
  readonly clients?: readonly number[]
}

export type LlamaServerPoint = Pick<
  ServingPoint,
  'clients' | 'tokensPerSecond' | 'firstTokenSeconds' | 'answers'
>

/** Whether there is a llama-server to run. */
export async function hasLlamaServer(binary = 'llama-server'): Promise<boolean> {
  const child = spawn(binary, ['--version'], { stdio: 'ignore' })
  return new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}

/** Starts the server on an export of the model, measures each number of clients, and stops it. @throws BenchError */
export async function measureLlamaServer(options: LlamaServerOptions): Promise<LlamaServerPoint[]> {
  const { dir, type, threads, binary = 'llama-server', clients = SERVING_CLIENTS } = options
  const file = join(dir, `${type}.gguf`)
  await exportGguf({ model: dir, out: file, type, idsOnly: true })
  const port = await freePort()
  const context = 2 * (PROMPT_TOKENS + ANSWER_TOKENS) * SERVING_SLOTS
  const slots = ['--parallel', `${SERVING_SLOTS}`, '--ctx-size', `${context}`]
  const cores = ['--threads', `${threads}`, '--threads-batch', `${threads}`]
  const server = spawn(binary, ['-m', file, '--port', `${port}`, ...slots, ...cores], { stdio: 'ignore' })
  try {
    await ready(server, port)
    const ask = asker(`http://127.0.0.1:${port}/completion`, options.vocabSize)
    await Promise.all(Array.from({ length: SERVING_SLOTS }, (_, i) => ask(-1 - i)))
    const points: LlamaServerPoint[] = []
    for (const count of clients) points.push(await measure(count, options.seconds, ask))
    return points
  } finally {
    server.kill()
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
  }
}

async function measure(clients: number, seconds: number, ask: Ask): Promise<LlamaServerPoint> {
  const begin = performance.now()
  const end = begin + 1000 * seconds
  const answers: Answer[] = []
  let next = clients * 1_000_000
  const client = async () => {
    while (performance.now() < end) answers.push(await ask(next++))
  }
  await Promise.all(Array.from({ length: clients }, client))
  const elapsed = (performance.now() - begin) / 1000
  const waits = answers.map(({ firstToken }) => firstToken).sort((a, b) => a - b)
  return {
    clients,
    tokensPerSecond: answers.reduce((total, { tokens }) => total + tokens, 0) / elapsed,
    firstTokenSeconds: { median: median(waits), p95: waits[Math.floor(0.95 * (waits.length - 1))]! },
    answers: answers.length,
  }
}

interface Answer {
  readonly tokens: number
  /** Seconds. */
  readonly firstToken: number
}

type Ask = (question: number) => Promise<Answer>

/** Questions are random tokens, each different, and answers always of full length. */
function asker(url: string, vocabSize: number): Ask {
  return async (question) => {
    const rng = Rng.seed(Math.abs(question)).fork('question')
    const prompt = Array.from({ length: PROMPT_TOKENS }, () => 1 + rng.integer(vocabSize - 2))
    const body = {
      prompt,
      n_predict: ANSWER_TOKENS,
      ignore_eos: true,
      cache_prompt: false,
      temperature: 1,
      top_k: 0,
      top_p: 1,
      min_p: 0,
      return_tokens: true,
      stream: true,
    }
    const start = performance.now()
    // The server ends connections that rest, at times just when the next question is sent.
    const headers = { 'content-type': 'application/json', connection: 'close' }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!response.ok || !response.body)
      throw new BenchError('llama-server', `it answered ${response.status}: ${await response.text()}`)
    let firstToken: number | undefined
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body) {
      firstToken ??= (performance.now() - start) / 1000
      text += decoder.decode(chunk as Uint8Array, { stream: true })
    }
    const last = text
      .trim()
      .split('\n')
      .findLast((line) => line.startsWith('data: {'))
    const { tokens_predicted: tokens } = JSON.parse(last?.slice(6) ?? '{}') as { tokens_predicted?: number }
    if (tokens === undefined || firstToken === undefined)
      throw new BenchError('llama-server', 'an answer ended without its count of tokens')
    return { tokens, firstToken }
  }
}

async function ready(server: ChildProcess, port: number): Promise<void> {
  let failed: string | undefined
  server.once('error', (error) => {
    failed = error.message
  })
  for (let tries = 0; tries < 600; tries++) {
    const { exitCode, signalCode } = server
    if (failed !== undefined || exitCode !== null || signalCode !== null) {
      const why = failed ?? (signalCode === null ? `exit code ${exitCode}` : `ended by ${signalCode}`)
      throw new BenchError('llama-server', `it did not start: ${why}`)
    }
    const health = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined)
    if (health?.ok) return
    await delay(100)
  }
  throw new BenchError('llama-server', 'it was not ready after a minute')
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
