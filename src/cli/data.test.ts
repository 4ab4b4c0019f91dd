import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from './run.js'
import { fakeIo } from './testing/fake-io.js'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'athanor-data-'))
  const sentence =
    'The boats that have come in with the tide were tied to the wall of the old harbour, and nobody spoke'
  const texts = Array.from(
    { length: 30 },
    (_, i) =>
      `${Array(6)
        .fill(0)
        .map((_, k) => `${sentence} of storm ${i} and ${k * i}.`)
        .join(' ')}`,
  )
  texts.push('short', texts[0]!)
  await writeFile(join(root, 'in.jsonl'), texts.map((text) => JSON.stringify({ text })).join('\n'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

async function athanor(...argv: string[]) {
  const io = fakeIo()
  const code = await run(['data', ...argv], io)
  return { code, out: io.out(), err: io.err() }
}

describe('data build', () => {
  test('builds, goes on, and is inspected', async () => {
    const out = join(root, 'built')
    const build = [
      'build',
      '--data',
      join(root, 'in.jsonl'),
      '--out',
      out,
      '--tokenizer',
      'char',
      '--workers',
      '0',
    ]
    const flags = ['--skip', 'repetition', 'near', '--set', 'c4.minSentences=2', 'gopher.minWords=30']
    const first = await athanor(...build, ...flags, '--json')
    expect(first.code).toBe(0)
    const card = JSON.parse(first.out)
    expect(card).toMatchObject({ dir: out, kept: { documents: 30 } })
    expect(card.config.cleaning.gopher.minWords).toBe(30)
    expect(card.config.cleaning.repetition.enabled).toBe(false)
    expect((await athanor(...build, ...flags)).out).toContain('It was all there already.')
    const other = await athanor(...build)
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('other settings')])

    const inspected = await athanor('inspect', out, '--verify')
    expect(inspected).toMatchObject({ code: 0, err: '' })
    expect(inspected.out).toContain('exact: duplicate')
    expect(inspected.out).toContain('All checksums agree.')
    await writeFile(join(out, 'documents', 'documents-00000.jsonl'), '')
    expect(await athanor('inspect', out, '--verify')).toMatchObject({ code: 1, out: '' })
  })

  test('reads settings from a file', async () => {
    const config = join(root, 'data.json')
    await writeFile(
      config,
      JSON.stringify({ sources: [join(root, 'in.jsonl')], preset: 'curated', tokenizer: 'none' }),
    )
    const out = join(root, 'from-file')
    expect(await athanor('build', '--config', config, '--out', out)).toMatchObject({ code: 0 })
    expect(await readFile(join(out, 'data-card.md'), 'utf8')).toContain('# Data card')
  })

  test('previews sources without writing', async () => {
    const { code, out } = await athanor('inspect', '--data', join(root, 'in.jsonl'), '--limit', '5', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out).read.documents).toBe(5)
  })

  test.each([
    [['build', '--out', 'x'], 2, '--data SOURCE'],
    [['build', '--data', 'x'], 2, '--out'],
    [['build', '--data', 'x', '--out', 'y', '--skip', 'soap'], 2, "'soap' is none of"],
    [['build', '--data', 'x', '--out', 'y', '--set', 'gopher'], 2, 'STAGE.SETTING=VALUE'],
    [['inspect'], 2, '--data SOURCE'],
    [['inspect', '--verify'], 2, 'needs the folder'],
    [['inspect', 'nowhere'], 1, 'holds no finished data set'],
    [['inspect', 'a', '--data', 'b'], 2, 'not both'],
  ])('%j ends with %d', async (argv, code, message) => {
    const result = await athanor(...argv)
    expect(result.code).toBe(code)
    expect(result.err).toContain(message)
  })
})
