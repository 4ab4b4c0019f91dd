/**
 * Load on a server: so many clients for so long, each sending one chat after the other, most of them streamed, some leaving in the
 * middle. Tells errors, throughput, how long answers and their first words take, and whether the server's memory grows after warming up.
 *
 *     npm run build
 *     node test/load/serve.mjs --model runs/ppo --clients 64 --seconds 300
 *
 * It starts `athanor serve` over the model, or uses the one at --url. Exit code 1 where a request failed or memory grew.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string' },
    url: { type: 'string' },
    clients: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '300' },
    'max-tokens': { type: 'string', default: '48' },
    threads: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
if (flags.model === undefined && flags.url === undefined) {
  console.error('give --model DIR, or --url of a running server')
  process.exit(2)
}
const clients = Number(flags.clients)
const seconds = Number(flags.seconds)
const maxTokens = Number(flags['max-tokens'])

/** One of so many requests leaves in the middle of its stream; one of so many is not streamed. */
const LEAVES = 20
const WHOLE = 10

const questions = [
  'What is the capital of Peru?',
  'Tell me a story about a cat and a dog.',
  'Name three colours.',
  'Why is the sky blue?',
  'Write a poem about rain.',
]

const server = flags.url === undefined ? await start(flags.model) : { url: flags.url, stop: async () => {} }
const names = (await getJson('/v1/models')).data.filter(({ kind }) => kind === 'decoder')
const model = names[0].id
const counts = { answers: 0, left: 0, errors: 0, tokens: 0, refused: 0 }
const times = { whole: [], first: [] }
const problems = new Map()
const memory = []

const began = performance.now()
const end = began + seconds * 1000
const sampler = setInterval(sample, 1000)
await sample()
await Promise.all(Array.from({ length: clients }, (_, client) => work(client)))
clearInterval(sampler)
const elapsed = (performance.now() - began) / 1000
const growth = growthOf(memory)
const result = {
  clients,
  seconds: round(elapsed),
  ...counts,
  requestsPerSecond: round(counts.answers / elapsed),
  tokensPerSecond: round(counts.tokens / elapsed),
  secondsToFirstWord: percentiles(times.first),
  secondsToLastWord: percentiles(times.whole),
  memoryMegabytes: { ...growth, samples: memory.length },
  problems: Object.fromEntries(problems),
}
await server.stop()
if (flags.json) console.log(JSON.stringify(result))
else console.log(JSON.stringify(result, null, 2))
process.exitCode = counts.errors > 0 || growth.grows ? 1 : 0

async function work(client) {
  for (let round = 0; performance.now() < end; round++) {
    try {
      await ask(client, round)
    } catch (error) {
      counts.errors++
      const text = String(error.cause ?? error).slice(0, 200)
      problems.set(text, (problems.get(text) ?? 0) + 1)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

async function ask(client, round) {
  const number = client * 7919 + round
  const stream = number % WHOLE !== 0
  const leaves = stream && number % LEAVES === 3
  const controller = new AbortController()
  const asked = performance.now()
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    signal: controller.signal,
    body: JSON.stringify({
      model,
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content: questions[number % questions.length] },
      ],
      max_tokens: maxTokens,
      seed: number,
      stream,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
    }),
  })
  if (response.status === 503) {
    // A full queue is an answer: come back when it says.
    counts.refused++
    await response.text()
    await new Promise((resolve) =>
      setTimeout(resolve, 1000 * Number(response.headers.get('retry-after') ?? 1)),
    )
    return
  }
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  if (!stream) {
    const { usage, choices } = await response.json()
    if (typeof choices[0].message.content !== 'string') throw new Error('an answer without text')
    counts.tokens += usage.completion_tokens
  } else if ((await readStream(response, asked, leaves, controller)) === 'left') {
    counts.left++
    return
  }
  counts.answers++
  times.whole.push((performance.now() - asked) / 1000)
}

async function readStream(response, asked, leaves, controller) {
  const decoder = new TextDecoder()
  let [text, first] = ['', true]
  try {
    for await (const bytes of response.body) {
      text += decoder.decode(bytes, { stream: true })
      if (first && text.includes('"content":"') && /"delta":\{"content":"[^"]/.test(text)) {
        times.first.push((performance.now() - asked) / 1000)
        first = false
        if (leaves) {
          controller.abort()
          return 'left'
        }
      }
    }
  } catch (error) {
    if (leaves) return 'left'
    throw error
  }
  if (!text.endsWith('data: [DONE]\n\n'))
    throw new Error(`a stream that ends with ${JSON.stringify(text.slice(-200))}`)
  const usage = /"usage":\{"prompt_tokens":\d+,"completion_tokens":(\d+)/.exec(text)
  counts.tokens += Number(usage?.[1] ?? 0)
  return 'whole'
}

async function start(dir) {
  const command = resolve(import.meta.dirname, '../../bin/athanor.mjs')
  const args = ['serve', '--model', dir, '--name', 'load', '--port', '0', '--database', ':memory:', '--json']
  const more = flags.threads === undefined ? [] : ['--threads', flags.threads]
  const child = spawn(process.execPath, [command, ...args, '--log-level', 'warn', ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (data) => (output += data))
  while (!output.includes('\n')) {
    if (child.exitCode !== null) process.exit(1)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const { url } = JSON.parse(output)
  return {
    url,
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'close')
    },
  }
}

async function getJson(path) {
  return (await fetch(`${server.url}${path}`)).json()
}

/** Resident memory of the server, in megabytes. */
async function sample() {
  const text = await (await fetch(`${server.url}/metrics`)).text().catch(() => '')
  const bytes = /^process_resident_memory_bytes (\S+)$/m.exec(text)
  if (bytes) memory.push(Number(bytes[1]) / 1e6)
}

/** The first third warms up; the end of the rest is compared with its beginning. */
function growthOf(samples) {
  const steady = samples.slice(Math.floor(samples.length / 3))
  const part = Math.max(1, Math.floor(steady.length / 4))
  const before = median(steady.slice(0, part))
  const after = median(steady.slice(-part))
  return {
    afterWarmUp: round(before),
    atEnd: round(after),
    peak: round(Math.max(...samples)),
    grows: after > before * 1.1 + 16,
  }
}

function percentiles(list) {
  const sorted = [...list].sort((a, b) => a - b)
  const at = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function round(value) {
  return Math.round(value * 1000) / 1000
}
