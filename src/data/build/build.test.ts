import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Rng } from '../../rng.js'
import { loadTokenizer } from '../../text/index.js'
import { openShards } from '../shards.js'
import { buildData } from './build.js'
import { readCard, verifyData } from './card.js'
import { readDocuments } from './document-shards.js'
import { previewData } from './preview.js'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'athanor-build-'))
  await mkdir(join(root, 'in'))
  await writeFile(join(root, 'in', 'a.jsonl'), lines(400, 1))
  await writeFile(join(root, 'in', 'b.jsonl'), lines(300, 2))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const vocabulary = Array.from(
  { length: 3000 },
  (_, i) => `${'bcdfghjklmnprst'[i % 15]}${'aeiou'[i % 5]}${(i * 7919).toString(36)}`,
)

function prose(rng: Rng, words: number): string {
  const out = Array.from({ length: words }, (_, i) => {
    const word =
      i % 6 === 2
        ? ['the', 'and', 'was'][Math.floor(i / 6) % 3]!
        : i % 6 === 4
          ? ['of', 'with', 'that'][Math.floor(i / 6) % 3]!
          : vocabulary[rng.integer(vocabulary.length)]!
    return i % 11 === 10 ? `${word}.` : word
  })
  return `${out.join(' ')}.`
}

/** Documents of about 1 kB, some with faults: short, equal, nearly equal, with an address, not JSON. */
function lines(count: number, seed: number): string {
  const rng = Rng.seed(seed)
  const texts: string[] = []
  for (let i = 0; i < count; i++) {
    const kind = i % 20
    const text = prose(rng, 150)
    if (kind === 7) texts.push('Too short.')
    else if (kind === 9 && i > 20) texts.push(texts[i - 5]!.toUpperCase())
    else if (kind === 11 && i > 20) texts.push(`${texts[i - 6]!} And a few words more.`)
    else if (kind === 13) texts.push(`${text} Write to someone${i}@example.org today.`)
    else texts.push(text)
  }
  return `${texts.map((text, i) => (i === 30 ? '{"text": broken' : JSON.stringify({ id: `d${i}`, text, license: 'CC0' }))).join('\n')}\n`
}

const config = (more: object = {}) => ({
  sources: [
    join(root, 'in', 'a.jsonl'),
    { from: { path: join(root, 'in', 'b.jsonl'), name: 'second' }, weight: 1.5 },
  ],
  tokenizer: 'bpe:400',
  shardBytes: 60_000,
  ...more,
})
const build = (name: string, more: object = {}, options: object = {}) =>
  buildData({ out: join(root, name), config: config(more), workers: 0, ...options })

/** Every file with its content, but what belongs to the process. */
async function contents(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found[relative(dir, path)] = (await readFile(path)).toString('base64')
  }
  return found
}

describe('a build', () => {
  test('makes documents, tokens and a card that add up', async () => {
    const { dir, card, wasDone } = await build('whole')
    expect(wasDone).toBe(false)
    const [a, b] = card.sources
    expect([a!.read.documents, b!.read.documents]).toEqual([399, 299])
    expect([a!.skipped, b!.skipped, a!.skips[0]]).toEqual([1, 1, expect.stringContaining('line 31')])
    expect(a!.licences).toEqual({ CC0: 399 })
    const reason = (stage: string, name: string) =>
      card.stages.find((s) => s.stage === stage)?.dropped[name]?.documents
    expect(reason('c4', 'few-sentences')).toBe(35)
    const duplicates = reason('exact', 'duplicate')!
    expect(duplicates).toBeGreaterThanOrEqual(30)
    expect(duplicates).toBeLessThanOrEqual(33)
    expect(reason('near', 'near-duplicate')).toBeGreaterThanOrEqual(30)
    expect(card.stages.find(({ stage }) => stage === 'pii')!.changes.email!.documents).toBe(35)
    for (const [i, { in: into, out }] of card.stages.entries()) {
      const next = card.stages.filter(({ stage }) => stage !== 'chinese')[i + 1]
      if (next && card.stages[i]!.stage !== 'chinese') expect(next.in).toEqual(out)
      expect(out.bytes).toBeLessThanOrEqual(into.bytes)
    }
    const duplicate = card.samples.find(({ stage }) => stage === 'exact')!
    expect(duplicate.detail).toMatch(/^the same as .*, which was kept$/)

    let documents = 0
    let bytes = 0
    for (const { file } of card.documents) {
      for await (const { text, source, language } of readDocuments(join(dir, file))) {
        documents++
        bytes += Buffer.byteLength(text)
        expect(text).not.toContain('@example')
        expect([a!.name, 'second']).toContain(source)
        expect(language).toBe('en')
      }
    }
    expect({ documents, bytes }).toEqual({ documents: card.kept.documents, bytes: card.kept.bytes })
    expect(card.documents.length).toBeGreaterThan(3)

    const summary = JSON.parse(await readFile(join(dir, 'corpus.json'), 'utf8'))
    const tokenizer = await loadTokenizer(dir)
    const train = openShards(join(dir, 'train'))
    const heldOut = openShards(join(dir, 'heldout'))
    expect(summary).toMatchObject({
      trainTokens: train.length,
      heldOutTokens: heldOut.length,
      documents: train.documents,
      vocabSize: tokenizer.vocabSize,
      trainBytes: card.train.bytes,
      heldOutBytes: card.heldOut.bytes,
    })
    // The second source is seen one and a half times.
    const once = card.sources[1]!.kept.documents - card.sources[1]!.heldOut.documents
    expect(card.sources[1]!.train.documents / once).toBeGreaterThan(1.35)
    expect(card.sources[1]!.train.documents / once).toBeLessThan(1.65)
    const ids = new Int32Array(heldOut.length)
    heldOut.read(0, ids.length, ids, 0)
    const text = tokenizer.decode(ids, { skipSpecial: true })
    expect(Buffer.byteLength(text)).toBe(card.heldOut.bytes)
    train.close()
    heldOut.close()
    expect(existsSync(join(dir, '.work'))).toBe(false)
    await verifyData(dir)
    expect(await readFile(join(dir, 'data-card.md'), 'utf8')).toContain(
      `| exact | duplicate | ${duplicates} |`,
    )
  })

  test('that is done is not done again, and other settings do not overwrite it', async () => {
    expect((await build('whole')).wasDone).toBe(true)
    await expect(build('whole', { seed: 7 })).rejects.toMatchObject({ code: 'build-exists' })
    expect((await build('other', { tokenizer: 'none' })).wasDone).toBe(false)
    expect((await build('other', { tokenizer: 'none', seed: 7 }, { overwrite: true })).wasDone).toBe(false)
    await writeFile(join(root, 'in', 'mine'), '')
    await expect(build('in')).rejects.toMatchObject({ code: 'build-exists' })
    await rm(join(root, 'in', 'mine'))
  })

  test('is the same, byte for byte, with and without workers, and from gzip the same documents', async () => {
    await build('threads', {}, { workers: 2 })
    expect(await contents(join(root, 'threads'))).toEqual(await contents(join(root, 'whole')))
    const { card } = await build('packed', { compress: true, tokenizer: 'none' })
    expect(card.kept).toEqual((await readCard(join(root, 'whole'))).kept)
    const first = (await readDocuments(join(root, 'packed', card.documents[0]!.file)).next()).value
    expect(first?.id).toBeTypeOf('string')
  })

  test('that the signal stopped goes on to the same result', async () => {
    for (const after of [1, 3, 6]) {
      const controller = new AbortController()
      let events = 0
      const onEvent = () => {
        if (++events >= after) controller.abort(new Error('enough'))
      }
      const name = `stopped-${after}`
      await expect(build(name, {}, { signal: controller.signal, onEvent })).rejects.toThrow('enough')
      await build(name)
      expect(await contents(join(root, name))).toEqual(await contents(join(root, 'whole')))
    }
  })

  test('of one short text holds out its end', async () => {
    await writeFile(join(root, 'one.txt'), prose(Rng.seed(5), 3000))
    const { card, dir } = await build('one', { sources: [join(root, 'one.txt')], tokenizer: 'char' })
    expect(card.heldOut.characters / (card.train.characters + card.heldOut.characters)).toBeCloseTo(0.05, 2)
    const tokenizer = await loadTokenizer(dir)
    const shards = openShards(join(dir, 'heldout'))
    const ids = new Int32Array(shards.length)
    shards.read(0, ids.length, ids, 0)
    shards.close()
    expect(prose(Rng.seed(5), 3000).endsWith(tokenizer.decode(ids, { skipSpecial: true }))).toBe(true)
  })

  test('mixes shares of bytes', async () => {
    const { card } = await build('shares', {
      sources: [
        { from: join(root, 'in', 'a.jsonl'), weight: 3 },
        { from: join(root, 'in', 'b.jsonl'), weight: 1 },
      ],
      mixture: { weights: 'shares' },
      tokenizer: 'none',
    })
    const [a, b] = card.sources.map((s) => s.train.bytes + s.heldOut.bytes)
    expect(a! / (a! + b!)).toBeGreaterThan(0.72)
    expect(a! / (a! + b!)).toBeLessThan(0.78)
  })

  test('drops what is in an evaluation set', async () => {
    const texts = lines(400, 1)
      .split('\n')
      .filter((_, i) => i % 50 === 3)
    await writeFile(join(root, 'eval.jsonl'), texts.join('\n'))
    const { card } = await build('clean-of-eval', {
      tokenizer: 'none',
      cleaning: { decontamination: { paths: [join(root, 'eval.jsonl')] } },
    })
    const stage = card.stages.find(({ stage }) => stage === 'decontamination')!
    expect(stage.dropped['in-evaluation-set']!.documents).toBeGreaterThanOrEqual(texts.length)
  })

  test('that keeps nothing says why', async () => {
    const nothing = build('nothing', { cleaning: { language: { keep: ['zh'] } } })
    await expect(nothing).rejects.toMatchObject({ code: 'build-empty' })
    expect(await readFile(join(root, 'nothing', 'data-card.md'), 'utf8')).toContain('language-en')
  })

  test.each([
    [{ sources: [] }, /sources/],
    [{ presett: 'web' }, /presett/],
    [{ cleaning: { gopher: { minWord: 1 } } }, /minWord/],
    [{ tokenizer: 'bpe:x' }, /bpe:N/],
    [{ cleaning: { decontamination: { paths: ['nowhere.jsonl'] } } }, /nowhere\.jsonl/],
    [{ sources: ['nowhere'] }, /nowhere/],
  ])('%j is refused', async (wrong, message) => {
    await expect(build(`wrong-${Math.random()}`, wrong)).rejects.toThrow(message)
  })

  test('a damaged file is found', async () => {
    const { card, dir } = await build('damaged', { tokenizer: 'none' })
    await writeFile(join(dir, card.documents[1]!.file), '{}')
    await expect(verifyData(dir)).rejects.toMatchObject({ code: 'build-damaged' })
  })

  test('a preview counts and writes nothing', async () => {
    const preview = await previewData({ config: config(), limit: 40 })
    expect(preview.read.documents).toBe(80)
    expect(preview.repeated).toBe(3) // 'Too short.'
    expect(preview.stages.find(({ stage }) => stage === 'c4')!.dropped['few-sentences']!.documents).toBe(4)
  })
})

describe('killed at any moment', () => {
  const compiled = join(import.meta.dirname, '../../../dist/data/build/build.js')
  test.skipIf(!existsSync(compiled))('it goes on to the same result', { timeout: 120_000 }, async () => {
    const dir = join(root, 'killed')
    const program = `import { buildData } from ${JSON.stringify(pathToFileURL(compiled).href)}
      await buildData({ out: ${JSON.stringify(dir)}, config: ${JSON.stringify(config())}, workers: 1 })`
    const start = (): ChildProcess =>
      spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    const ended = (child: ChildProcess) =>
      new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
    const rng = Rng.seed(11)
    for (let attempt = 0; attempt < 6; attempt++) {
      const child = start()
      const over = ended(child)
      await Promise.race([delay(250 + rng.integer(900)), over])
      child.kill('SIGKILL')
      await over
    }
    expect(await ended(start())).toBe(0)
    expect(await contents(dir)).toEqual(await contents(join(root, 'whole')))
  })
})
