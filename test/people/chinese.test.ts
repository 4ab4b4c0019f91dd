/** Chinese text that people wrote goes through the data road and comes out as it was, except where a rule says otherwise. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildData, type DataCard } from '../../src/data/build/index.js'
import { openShards, readDialogues, readPairs } from '../../src/data/index.js'
import { CHATML_TOKENS, createChatFormat, loadTokenizer, trainBpe } from '../../src/text/index.js'

const data = process.env.ATHANOR_TEST_DATA ?? ''
const songFile = join(data, 'zh-poetry/song-ci-simplified.txt')
const classicsFile = join(data, 'zh-poetry/classics-mixed.txt')
const alpacaFile = join(data, 'llamafactory-demo/alpaca_zh_demo.json')
const dpoFile = join(data, 'llamafactory-demo/dpo_zh_demo.json')

interface AlpacaRow {
  readonly instruction: string
  readonly input: string
  readonly output: string
}

describe.skipIf(!data)('Chinese text of people', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'athanor-people-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  async function build(
    name: string,
    config: object,
  ): Promise<{ out: string; card: DataCard; texts: string[] }> {
    const out = join(dir, name)
    const { card } = await buildData({ out, config: { preset: 'curated', ...config }, workers: 0 })
    const lines = (await readFile(join(out, 'documents/documents-00000.jsonl'), 'utf8')).trim().split('\n')
    return { out, card, texts: lines.map((line) => (JSON.parse(line) as { text: string }).text) }
  }

  it('keeps 1,500 poems byte for byte, in documents and in tokens', async () => {
    const poems = (await readFile(songFile, 'utf8')).split('\n\n').slice(0, 1500)
    const path = join(dir, 'poems.txt')
    await writeFile(path, poems.join('\n\n'))
    const { out, card, texts } = await build('poems', {
      sources: [{ from: { path, separator: '\n\n' } }],
      cleaning: { exact: { enabled: false }, near: { enabled: false } },
      tokenizer: 'bpe:512',
    })
    expect(texts).toEqual(poems)
    for (const { dropped, changes } of card.stages)
      expect({ dropped, changes }).toEqual({ dropped: {}, changes: {} })

    const tokenizer = await loadTokenizer(out)
    const decoded = ['train', 'heldout'].flatMap((part) => {
      const tokens = openShards(join(out, part))
      const ids = new Int32Array(tokens.length)
      tokens.read(0, tokens.length, ids, 0)
      tokens.close()
      const documents: string[] = []
      for (let from = 0; from < ids.length; ) {
        const end = ids.indexOf(tokenizer.eosId!, from)
        documents.push(tokenizer.decode(ids.subarray(from, end)))
        from = end + 1
      }
      return documents
    })
    expect(decoded.sort()).toEqual([...poems].sort())
  })

  it('drops of all poems only those that are there twice', async () => {
    const { card, texts } = await build('songs', {
      sources: [{ from: { path: songFile, separator: '\n\n' } }],
      tokenizer: 'none',
    })
    const poems = (await readFile(songFile, 'utf8')).trim().split('\n\n')
    const dropped = card.stages.flatMap((stage) =>
      Object.entries(stage.dropped).map(([k, v]) => [k, v.documents]),
    )
    expect(poems).toHaveLength(21_053)
    expect(Object.fromEntries(dropped)).toEqual({ duplicate: 4, 'near-duplicate': 69 })
    const kept = new Set(texts)
    const written = new Set(poems)
    expect(texts.filter((text) => !written.has(text))).toEqual([])
    expect(poems.filter((poem) => !kept.has(poem)).length).toBeLessThanOrEqual(73)
  })

  it('changes two places of the classics: a compatibility character and a space at a line end', async () => {
    const source = await readFile(classicsFile, 'utf8')
    const { texts } = await build('classics', { sources: [classicsFile], tokenizer: 'none' })
    // Cut into four at line ends.
    expect(texts).toHaveLength(4)
    expect(texts.join('\n')).toBe(source.replace('\u{2F936}', '\u{753E}').replace('使命 \n', '使命\n'))
    const untouched = await build('untouched', {
      sources: [classicsFile],
      cleaning: { unicode: { enabled: false } },
      tokenizer: 'none',
    })
    expect(untouched.texts.join('\n')).toBe(source)
  })

  it('spells every character of the classics with a tokenizer that saw a tenth of them', async () => {
    const source = await readFile(classicsFile, 'utf8')
    const tokenizer = await trainBpe(source.slice(0, source.length / 10), { vocabSize: 512 })
    expect(tokenizer.decode(tokenizer.encode(source))).toBe(source)
  })

  it('changes only white space in answers to instructions', async () => {
    const rows = JSON.parse(await readFile(alpacaFile, 'utf8')) as AlpacaRow[]
    const { card, texts } = await build('alpaca', {
      sources: [{ from: { path: alpacaFile, field: ['instruction', 'input', 'output'] } }],
      cleaning: { exact: { enabled: false }, near: { enabled: false } },
      tokenizer: 'none',
    })
    const joined = rows.map(({ instruction, input, output }) =>
      [instruction, input, output].filter(Boolean).join('\n\n'),
    )
    const bare = (text: string) => text.replace(/\s+/g, '')
    expect(texts.map(bare)).toEqual(joined.map(bare))
    const changed = texts.filter((text, i) => text !== joined[i])
    const unicode = card.stages.find(({ stage }) => stage === 'unicode')!
    expect(unicode.changes.repaired?.documents).toBe(changed.length)
  })

  it('reads every dialogue and pair, and encodes what people wrote as they wrote it', async () => {
    const rows = JSON.parse(await readFile(alpacaFile, 'utf8')) as AlpacaRow[]
    const tokenizer = await trainBpe(rows.map(({ output }) => output).slice(0, 50), {
      vocabSize: 400,
      specialTokens: ['<|endoftext|>', ...CHATML_TOKENS],
    })
    const chat = createChatFormat(tokenizer)
    const skips: string[] = []
    const onSkip = ({ reason }: { reason: string }) => skips.push(reason)
    const answers: string[] = []
    for await (const { messages } of readDialogues([alpacaFile], { onSkip })) {
      const { ids, mask } = chat.encode(messages)
      answers.push(tokenizer.decode(ids.filter((_, i) => mask[i] === 1)))
    }
    expect(answers).toEqual(rows.map(({ output }) => `${output}<|im_end|>`))
    let pairs = 0
    for await (const { chosen, rejected } of readPairs([dpoFile], { onSkip })) {
      expect(tokenizer.decode(tokenizer.encode(chosen + rejected))).toBe(chosen + rejected)
      pairs++
    }
    expect({ pairs, skips }).toEqual({ pairs: 300, skips: [] })
  })
})
