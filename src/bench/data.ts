/** Cleaning of synthetic text in a process of its own, so that its peak of memory is its own: `data.js JSON`. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { buildData } from '../data/build/index.js'
import { Rng } from '../rng.js'
import { BenchError } from './peer.js'
import { peakMemory } from './protocol.js'

/** With and without what looks across documents. */
export type DataMode = 'cleaning' | 'cleaning and near-duplicates'

export interface DataResult {
  readonly mode: DataMode
  readonly inputBytes: number
  readonly documents: number
  readonly kept: number
  readonly seconds: number
  readonly bytesPerSecond: number
  /** Of all threads together: what the work costs, however busy the machine. */
  readonly cpuSeconds: number
  /** Of the whole process with its threads. */
  readonly peakMemoryBytes: number
}

interface DataOptions {
  readonly path: string
  readonly mode: DataMode
  readonly threads: number
}

const MODES: readonly DataMode[] = ['cleaning', 'cleaning and near-duplicates']

/** Megabytes of input. The large one takes minutes and a gigabyte of the disk for temporary files. */
export const dataSizes = { quick: [10], full: [10, 100], large: [10, 100, 1000] } as const

/** Measures each size in both modes. */
export async function measureData(
  megabytes: readonly number[],
  threads: number,
  log: (message: string) => void,
): Promise<DataResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'athanor-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  const results: DataResult[] = []
  try {
    for (const size of megabytes) {
      log(`data: writing ${size} MB`)
      const path = join(folder, `${size}.jsonl`)
      await writeCorpus(path, size * 1e6)
      for (const mode of MODES) {
        log(`data: ${size} MB, ${mode}`)
        results.push(await runData({ path, mode, threads }))
      }
      await rm(path)
    }
    return results
  } finally {
    process.off('exit', remove)
    remove()
  }
}

async function runData(options: DataOptions): Promise<DataResult> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [
      fileURLToPath(new URL('./data-worker.js', import.meta.url)),
      JSON.stringify(options),
    ])
    return JSON.parse(stdout) as DataResult
  } catch (error) {
    throw new BenchError('data', error instanceof Error ? error.message : String(error))
  }
}

/** What the process does: cleans once, and says how long it took. */
export async function dataWork({ path, mode, threads }: DataOptions): Promise<DataResult> {
  const out = `${path}.out`
  const start = performance.now()
  const near = mode === 'cleaning' ? { enabled: false } : {}
  const { card } = await buildData({
    out,
    workers: threads,
    config: { sources: [path], tokenizer: 'none', cleaning: { near, exact: near } },
  })
  const seconds = (performance.now() - start) / 1000
  const cpu = process.cpuUsage()
  const { documents, bytes } = card.sources[0]!.read
  await rm(out, { recursive: true, force: true })
  return {
    mode,
    inputBytes: bytes,
    documents,
    kept: card.kept.documents,
    seconds,
    bytesPerSecond: bytes / seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    peakMemoryBytes: peakMemory(),
  }
}

/**
 * JSON lines of documents of 3 kB in the mean, as a crawl has them: English prose over a vocabulary of 30,000 words, a tenth
 * Chinese, a tenth nearly the same as an earlier one, a twentieth the same, some with addresses, some junk.
 */
async function writeCorpus(path: string, size: number): Promise<void> {
  const rng = Rng.seed(1)
  const english = sentences(rng, 60_000, word(rng), ' ', '. ')
  const chinese = sentences(
    rng,
    20_000,
    () => String.fromCharCode(0x4e00 + Math.floor(2500 * rng.uniform() ** 2)),
    '',
    '。',
  )
  const recent: string[] = []
  const file = createWriteStream(path, { highWaterMark: 4 << 20 })
  let written = 0
  let block: string[] = []
  let blockSize = 0
  for (let i = 0; written < size; i++) {
    const kind = rng.uniform()
    let text = ''
    if (kind < 0.05 && recent.length > 0) text = recent[rng.integer(recent.length)]!
    else if (kind < 0.15 && recent.length > 0)
      text = `${recent[rng.integer(recent.length)]!} ${english[rng.integer(english.length)]!}`
    else if (kind < 0.2) text = 'Click here | Home | Login\n'.repeat(1 + rng.integer(40))
    else {
      const pool = kind < 0.3 ? chinese : english
      const length = 500 * Math.exp(1.4 * Math.abs(rng.normal()))
      while (text.length < length)
        text += pool[rng.integer(pool.length)]! + (rng.uniform() < 0.1 ? '\n\n' : '')
      if (kind > 0.95)
        text += ` Write to user${i}@example.org or call 415-555-${String(1000 + rng.integer(9000))}.`
      recent[i % 1000] = text
    }
    const line = `${JSON.stringify({ text })}\n`
    block.push(line)
    blockSize += line.length
    if (blockSize < 1 << 20) continue
    const bytes = Buffer.from(block.join(''))
    written += bytes.length
    if (!file.write(bytes)) await once(file, 'drain')
    block = []
    blockSize = 0
  }
  file.end()
  await once(file, 'close')
}

/** Words by Zipf's law, function words first. */
function word(rng: Rng): () => string {
  const first =
    'the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many off before must well back through years where much your way down should because long each just state people those too'.split(
      ' ',
    )
  const letters = 'etaoinshrdlcumwfgypbvk'
  const words = Array.from({ length: 30_000 }, (_, i) => {
    if (i < first.length) return first[i]!
    return Array.from(
      { length: 4 + rng.integer(7) },
      () => letters[Math.floor(letters.length * rng.uniform() ** 1.5)]!,
    ).join('')
  })
  return () =>
    words[Math.floor(Math.exp(Math.log(words.length) * rng.uniform())) - 1 + (rng.uniform() < 0.5 ? 0 : 1)] ??
    'the'
}

function sentences(rng: Rng, count: number, next: () => string, between: string, end: string): string[] {
  return Array.from(
    { length: count },
    () => Array.from({ length: 8 + rng.integer(16) }, next).join(between) + end,
  )
}
