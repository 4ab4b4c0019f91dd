import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { DataError } from '../document.js'
import type { ReadOptions } from './files.js'
import type { Input, RandomAccess } from './input.js'
import { FileFault, type Item, isSkip } from './item.js'
import { readParquet } from './parquet.js'
import type { HuggingFaceSpec } from './spec.js'

const HUB = 'https://huggingface.co'
const ATTEMPTS = 4
const TIMEOUT = 120_000

const infoSchema = z.object({
  sha: z.string().optional(),
  cardData: z
    .object({
      license: z.union([z.string(), z.array(z.string())]).nullish(),
      language: z.union([z.string(), z.array(z.string())]).nullish(),
    })
    .nullish()
    .catch(undefined),
})
/** By configuration and split, the addresses of the Parquet files that the hub keeps of every data set. */
const filesSchema = z.record(z.string(), z.record(z.string(), z.array(z.url())))

/**
 * The rows of a data set on the Hugging Face hub, read from the hub's Parquet files by ranges, so that only the columns with
 * text travel. A token in HF_TOKEN opens what is gated.
 *
 * @throws DataError when the data set, its configuration or split is not there, and when the hub cannot be reached
 */
export async function* readHuggingFace(
  spec: HuggingFaceSpec,
  { after, signal }: ReadOptions,
): AsyncGenerator<Item[]> {
  const hub = new Hub(spec.baseUrl ?? (process.env.HF_ENDPOINT || HUB), spec.hf, signal)
  const name = spec.hf.split('/').map(encodeURIComponent).join('/')
  const info = await hub.json(`/api/datasets/${name}`, infoSchema)
  const configs = await hub.json(`/api/datasets/${name}/parquet`, filesSchema)
  const config = choose(spec, Object.keys(configs))
  const urls = configs[config]![spec.split]
  if (!urls || urls.length === 0) {
    const there = Object.keys(configs[config]!).join(', ') || 'none'
    throw new DataError('data-missing', `${spec.hf}:${config} has no split ${spec.split}; it has ${there}`)
  }
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([spec.hf, config, spec.split, info.sha, urls]))
    .digest('hex')
    .slice(0, 12)
  const [from, first = '0', ...rest] = after?.split('/') ?? [fingerprint]
  if (from !== fingerprint) {
    throw new DataError(
      'data-option',
      'the position to go on after belongs to another data set, or it has changed since; begin at the start',
    )
  }
  const licence = [info.cardData?.license ?? []].flat().join(', ')
  const languages = [info.cardData?.language ?? []].flat()
  const stated = { ...(licence && { licence }), ...(languages.length === 1 && { language: languages[0]! }) }
  for (let index = Number(first); index < urls.length; index++) {
    const id = `${spec.hf}/${config}/${spec.split}/${index}`
    const place = { id, at: `${fingerprint}/${index}`, after: index === Number(first) ? rest : [] }
    try {
      for await (const items of readParquet(hub.open(urls[index]!, spec.hf, place), spec)) {
        yield items.map((item) => (isSkip(item) ? item : { ...stated, ...item }))
      }
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      yield [error.skip]
    }
  }
}

function choose({ hf, config }: HuggingFaceSpec, there: readonly string[]): string {
  const chosen = config ?? (there.length === 1 ? there[0]! : 'default')
  if (there.includes(chosen)) return chosen
  const list = there.slice(0, 20).join(', ') || 'none'
  throw config === undefined
    ? new DataError('data-option', `${hf} has several configurations; name one of ${list}`)
    : new DataError('data-missing', `${hf} has no configuration ${config}; it has ${list}`)
}

class Hub {
  readonly #base: string
  readonly #dataset: string
  readonly #signal: AbortSignal | undefined

  constructor(base: string, dataset: string, signal?: AbortSignal) {
    this.#base = base.replace(/\/+$/, '')
    this.#dataset = dataset
    this.#signal = signal
  }

  async json<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const url = this.#base + path
    const bytes = await this.#fetch(url, {}, async (response) => Buffer.from(await response.arrayBuffer()))
    let value: unknown
    try {
      value = JSON.parse(bytes.toString('utf8'))
    } catch (error) {
      throw new DataError('data-malformed', `${url} did not answer with JSON`, { cause: error })
    }
    const result = schema.safeParse(value)
    if (result.success) return result.data
    throw new DataError('data-malformed', `${url} did not answer as the Hugging Face hub does`, {
      cause: result.error,
    })
  }

  open(url: string, title: string, place: Pick<Input, 'id' | 'at' | 'after'>): Input {
    return {
      ...place,
      path: url,
      title,
      open: () => {
        throw new TypeError('a file of the hub is read by ranges')
      },
      random: () => this.#ranges(url),
    }
  }

  async #ranges(url: string): Promise<RandomAccess> {
    const read = (start: number, end: number): Promise<{ bytes: Buffer; size: number }> =>
      this.#fetch(url, { Range: `bytes=${start}-${end - 1}` }, async (response) => {
        const size = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')
        if (response.status !== 206 || !size || Number(size[1]) !== start) {
          await response.body?.cancel()
          throw new DataError('data-unreadable', `${url}: the server does not give parts of a file`)
        }
        const bytes = Buffer.from(await response.arrayBuffer())
        if (bytes.length !== Math.min(end, Number(size[2])) - start)
          throw new TypeError('the answer was cut short')
        return { bytes, size: Number(size[2]) }
      })
    const { size } = await read(0, 1)
    return {
      size,
      read: async (start, end) => (end > start ? (await read(start, end)).bytes : Buffer.alloc(0)),
      close: async () => undefined,
    }
  }

  /** A part of a data set that is silently missing would be worse than none: what stays unreachable ends the reading. */
  async #fetch<T>(
    url: string,
    headers: Record<string, string>,
    take: (response: Response) => Promise<T>,
  ): Promise<T> {
    const token = process.env.HF_TOKEN
    // Nobody but the hub gets the token; fetch itself keeps it from other hosts on redirects.
    const isHub = new URL(url).origin === new URL(this.#base).origin
    const all = { ...headers, ...(token && isHub && { Authorization: `Bearer ${token}` }) }
    for (let attempt = 1; ; attempt++) {
      let problem: unknown
      try {
        const limit = AbortSignal.timeout(TIMEOUT)
        const signal = this.#signal ? AbortSignal.any([this.#signal, limit]) : limit
        const response = await fetch(url, { headers: all, signal })
        if (response.ok) return await take(response)
        await response.body?.cancel()
        if (response.status < 500 && response.status !== 429) throw this.#refusal(url, response.status)
        problem = `status ${response.status}`
      } catch (error) {
        this.#signal?.throwIfAborted()
        if (error instanceof DataError) throw error
        problem =
          (error as Error).cause instanceof Error
            ? (error as { cause: Error }).cause.message
            : (error as Error).message
      }
      if (attempt === ATTEMPTS) {
        throw new DataError(
          'data-unreadable',
          `${url} cannot be reached (${problem}); check the network, or name files that are here`,
        )
      }
      await sleep(250 * 4 ** (attempt - 1), undefined, { signal: this.#signal })
    }
  }

  #refusal(url: string, status: number): DataError {
    if (status === 401 || status === 403) {
      return new DataError(
        'data-unreadable',
        `${this.#dataset} is gated, private or not there (status ${status}); accept its terms on the hub and set HF_TOKEN`,
      )
    }
    const what =
      status === 404
        ? `${this.#dataset} is not there, or the hub keeps no Parquet files of it`
        : `status ${status}`
    return new DataError('data-missing', `${url}: ${what}`)
  }
}
