/**
 * Serving: clients that ask one question after the other, all at once, of an engine in a thread of its own. Each question is new, so
 * that nothing of it is in the cache.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { writeModelDirectory } from '../hub/index.js'
import { type Engine, type Quantization, startEngine } from '../infer/index.js'
import { configToHf, gptConfig, initGpt, weightsToHf } from '../models/index.js'
import { Rng } from '../rng.js'
import { saveTokenizer, trainCharTokenizer } from '../text/index.js'
import { peakMemory } from './protocol.js'
import { median } from './statistics.js'

/** Llama's architecture, so that other servers can load the same weights. */
export const servingShapes = {
  small: { nLayer: 4, nHead: 4, nKvHead: 4, width: 128, headDim: 32, mlpWidth: 352, vocabSize: 2048 },
  middle: { nLayer: 6, nHead: 6, nKvHead: 6, width: 384, headDim: 64, mlpWidth: 1024, vocabSize: 4096 },
  large: { nLayer: 12, nHead: 12, nKvHead: 12, width: 768, headDim: 64, mlpWidth: 2048, vocabSize: 16384 },
} as const

export type ServingName = keyof typeof servingShapes
export const servingNames = Object.keys(servingShapes) as readonly ServingName[]

/** Clients at once. */
export const SERVING_CLIENTS = [1, 4, 16, 64] as const
export const SERVING_SLOTS = 16
export const PROMPT_TOKENS = 64
export const ANSWER_TOKENS = 64

/** Times of the seconds asked for that a measurement may take. */
const LONGEST = 10

export interface ServingPoint {
  readonly clients: number
  readonly tokensPerSecond: number
  /** Against the seconds of all threads together: what the work costs, however busy the machine. */
  readonly tokensPerCpuSecond: number
  /** From a question to the first token of its answer: the wait for a slot, then reading. */
  readonly firstTokenSeconds: { readonly median: number; readonly p95: number }
  /** Tokens that the slowest client got, over those of the fastest. */
  readonly slowestToFastest: number
  readonly answers: number
}

export interface ServingResult {
  readonly model: ServingName
  readonly quantization: Quantization
  readonly parameters: number
  readonly threads: number
  readonly points: readonly ServingPoint[]
  /** Tokens per second with 16 clients over those with one. */
  readonly gain: number
  /** The same by CPU seconds. */
  readonly cpuGain: number
  /** Keys and values of one slot. */
  readonly slotBytes: number
  readonly loadSeconds: number
  /** Of the whole process, with all clients. */
  readonly peakMemoryBytes: number
}

export interface ServingOptions {
  readonly dir: string
  readonly model: ServingName
  readonly quantization?: Quantization
  readonly threads: number
  /** For each number of clients. */
  readonly seconds: number
}

/** Writes a model of random weights, whose every token is one character. */
export async function writeServingModel(name: ServingName, dir: string): Promise<void> {
  const shape = servingShapes[name]
  const config = gptConfig({ ...shape, contextLength: 512, gated: true, activation: 'silu', tied: false })
  const letters = String.fromCodePoint(...Array.from({ length: shape.vocabSize - 1 }, (_, i) => 0x4e00 + i))
  await saveTokenizer(trainCharTokenizer([letters], { specialTokens: ['<|endoftext|>'] }), dir)
  await writeModelDirectory(dir, {
    config: configToHf(config),
    tensors: Object.fromEntries(weightsToHf(config, initGpt(config, Rng.seed(1)))),
  })
}

/** What the process does: all numbers of clients, one after the other. */
export async function servingWork(options: ServingOptions): Promise<ServingResult> {
  const { dir, model, threads, seconds, quantization = 'none' } = options
  const engine = await startEngine({
    threads,
    slots: SERVING_SLOTS,
    models: [{ id: 'm', dir, quantization }],
  })
  const start = performance.now()
  const { parameters } = await engine.load('m')
  const loadSeconds = (performance.now() - start) / 1000
  await askFor(engine, 4, Math.min(1, seconds))
  const points: ServingPoint[] = []
  for (const clients of SERVING_CLIENTS) points.push(await askFor(engine, clients, seconds))
  await engine.close()
  const [one, , sixteen] = points as [ServingPoint, ServingPoint, ServingPoint]
  const { nLayer, nKvHead, headDim } = servingShapes[model]
  return {
    model,
    quantization,
    parameters: parameters ?? 0,
    threads,
    points,
    gain: sixteen.tokensPerSecond / one.tokensPerSecond,
    cpuGain: sixteen.tokensPerCpuSecond / one.tokensPerCpuSecond,
    slotBytes: 2 * 4 * nLayer * nKvHead * headDim * 513,
    loadSeconds,
    peakMemoryBytes: peakMemory(),
  }
}

/** Lets clients ask for so many seconds; the first answers only warm up. */
async function askFor(engine: Engine, clients: number, seconds: number): Promise<ServingPoint> {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const tokens = new Array<number>(clients).fill(0)
  const waits: number[] = []
  let answers = 0
  let isMeasured = false
  const client = async (index: number) => {
    for (let n = 0; ; n++) {
      const rng = Rng.seed(1).fork(index).fork(n)
      const ids = Array.from({ length: PROMPT_TOKENS }, () => rng.integer(2000))
      const request = {
        model: 'm',
        prompt: { ids },
        maxTokens: ANSWER_TOKENS,
        stopAtEos: false,
        fairKey: `${index}`,
      }
      const start = performance.now()
      let isFirst = true
      for await (const event of engine.generate(request, { signal: controller.signal })) {
        if (!isMeasured || event.type !== 'text') continue
        if (isFirst) waits.push((performance.now() - start) / 1000)
        isFirst = false
        // A token is a character.
        tokens[index]! += event.text.length
      }
      if (isMeasured) answers++
    }
  }
  const all = Array.from({ length: clients }, (_, index) =>
    client(index).catch((error: unknown) => {
      if (!controller.signal.aborted) throw error
    }),
  )
  const done = Promise.all(all)
  await Promise.race([delay(250 * seconds), done])
  isMeasured = true
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  // Until everyone had a turn, where that takes longer.
  for (let i = 0; i < LONGEST && (i === 0 || tokens.includes(0)); i++)
    await Promise.race([delay(1000 * seconds), done])
  const [measured, used] = [(performance.now() - start) / 1000, process.cpuUsage(cpu)]
  isMeasured = false
  controller.abort()
  await done
  const total = tokens.reduce((sum, count) => sum + count, 0)
  const sorted = waits.toSorted((a, b) => a - b)
  return {
    clients,
    tokensPerSecond: total / measured,
    tokensPerCpuSecond: total / ((used.user + used.system) / 1e6),
    firstTokenSeconds: {
      median: sorted.length > 0 ? median(sorted) : Number.NaN,
      p95: sorted[Math.floor(0.95 * sorted.length)] ?? Number.NaN,
    },
    slowestToFastest: Math.min(...tokens) / Math.max(...tokens),
    answers,
  }
}
