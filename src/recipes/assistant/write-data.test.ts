import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { writeAssistantData } from './write-data.js'

const root = await mkdtemp(join(tmpdir(), 'athanor-assistant-'))
afterAll(() => rm(root, { recursive: true, force: true }))

const small = {
  seed: 7,
  countries: 60,
  pretrainCharacters: 100_000,
  profileCharacters: 200,
  dialogues: 300,
  heldOutDialogues: 40,
  rewardPrompts: 50,
  ppoPrompts: 50,
  suitePrompts: 10,
}

async function contents(dir: string): Promise<Record<string, string>> {
  const names = (await readdir(dir, { recursive: true })).filter((name) => /\.jsonl?$/.test(name)).sort()
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name), 'utf8')] as const)),
  )
}

describe('writeAssistantData', () => {
  it('writes every file, the same for the same seed, over what is there', async () => {
    const dir = join(root, 'data')
    const { card, files } = await writeAssistantData(dir, small)
    const first = await contents(dir)
    expect(Object.keys(first)).toEqual([...Object.keys(card.files), 'data-card.json'].sort())
    expect(Object.keys(files)).toEqual(Object.keys(card.files))
    for (const [name, { records }] of Object.entries(card.files)) {
      const lines = first[name]!.trim().split('\n')
      expect(lines.length, name).toBe(records)
      for (const line of lines) JSON.parse(line)
    }
    expect(first['sft.jsonl']!.split('\n')[0]).toContain('simulated-writer:')
    expect(JSON.parse(first['data-card.json']!)).toEqual(JSON.parse(JSON.stringify(card)))
    expect(card.facts.heldOut.length).toBeGreaterThan(10)

    await writeAssistantData(dir, small)
    expect(await contents(dir)).toEqual(first)
    await writeAssistantData(join(root, 'other'), { ...small, seed: 8 })
    expect((await contents(join(root, 'other')))['sft.jsonl']).not.toBe(first['sft.jsonl'])
  })

  it('works with every country and every fact', async () => {
    const { card } = await writeAssistantData(join(root, 'all'), {
      ...small,
      countries: 300,
      factTypes: [
        'capital',
        'continent',
        'language',
        'currency',
        'population',
        'area',
        'independence',
        'internet',
        'highest',
      ],
    })
    expect(card.countries).toBeGreaterThan(190)
    expect(card.files['sft.jsonl']!.records).toBe(300)
  })

  it('leaves nothing behind when it is stopped', async () => {
    const signal = AbortSignal.abort()
    await expect(writeAssistantData(join(root, 'stopped'), { ...small, signal })).rejects.toThrow()
    expect(await readdir(root)).not.toContain('stopped')
  })
})
