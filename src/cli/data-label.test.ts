import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { addVerb } from './context.js'
import { addDataLabel } from './data-label.js'
import { reportError } from './errors.js'
import { library } from './library.js'
import { fakeIo } from './testing/fake-io.js'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-cli-labels-'))
})
afterEach(() => rm(dir, { recursive: true }))

async function label(...argv: string[]) {
  const io = fakeIo()
  const program = new Command('athanor').exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
  })
  addDataLabel(addVerb(program, 'data', 'data'), { io, library })
  let code = 0
  try {
    await program.parseAsync(['data', 'label', ...argv], { from: 'user' })
  } catch (error) {
    code = reportError(error, io)
  }
  return { code, out: io.out(), err: io.err() }
}

async function writeTasks(): Promise<string> {
  const data = join(dir, 'answers.jsonl')
  const lines = ['one', 'two'].map((id) => JSON.stringify({ id, prompt: 'Which?', answers: ['a', 'b'] }))
  await writeFile(data, `${lines.join('\n')}\n{broken\n`)
  const out = join(dir, 'labels')
  const result = await label(
    ...['write', '--kind', 'ranking', '--data', data, '--labelers', 'ann', 'bob', '--out', out],
  )
  expect([result.code, result.err]).toEqual([
    0,
    expect.stringContaining('answers.jsonl:3 was passed over: not valid JSON'),
  ])
  expect(result.out).toContain('2 items to label')
  return out
}

async function fill(path: string, ranks: Record<string, number | string>): Promise<void> {
  const rows = (await readFile(path, 'utf8')).split('\r\n').map((row) => {
    const cells = row.split(',')
    const rank = ranks[`${cells[0]}${cells[1]}`]
    return rank === undefined ? row : cells.with(4, String(rank)).join(',')
  })
  await writeFile(path, rows.join('\r\n'))
}

test('tasks are written, filled in, compared and turned into data', async () => {
  const out = await writeTasks()
  await fill(join(out, 'ann.csv'), { one1: 1, one2: 2, two1: 1, two2: 2 })
  await fill(join(out, 'bob.csv'), { one1: 1, one2: 2, two1: 2, two2: 1 })
  const agreement = await label('agreement', '--labels', out)
  expect(agreement.out).toContain('50.0 % of 2 comparisons without a tie')
  expect(JSON.parse((await label('agreement', '--labels', out, '--json')).out)).toMatchObject({
    ranks: { agreement: 0.5, kendallTau: 0 },
  })
  const file = join(dir, 'rankings.jsonl')
  const read = await label('read', '--labels', out, '--as', 'rankings', '--out', file)
  expect([read.code, read.out]).toEqual([0, `4 rankings from 4 labels, in ${file}\n`])
  expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(4)
  const again = ['read', '--labels', out, '--as', 'pairs', '--out', file]
  expect(await label(...again)).toMatchObject({ code: 1, err: expect.stringContaining('--overwrite') })
  expect((await label(...again, '--overwrite', '--merge')).out).toContain('1 pairs from 4 labels')
  expect((await label(...again, '--overwrite', '--labeler', 'bob')).out).toContain('2 pairs from 2 labels')
})

test('rows that cannot be read are all told, and stop the command unless they may be left out', async () => {
  const out = await writeTasks()
  await fill(join(out, 'ann.csv'), { one1: 'best', one2: 2, two1: 1, two2: 2 })
  const file = join(dir, 'x.jsonl')
  const read = ['read', '--labels', out, '--as', 'rankings', '--out', file]
  const { code, err } = await label(...read)
  expect(code).toBe(1)
  expect(err).toMatch(/ann\.csv:\d item one: the rank "best" is not a whole number from 1 to 2\n/)
  expect(err).toContain('1 row cannot be read')
  expect(await label(...read, '--skip-broken')).toMatchObject({
    code: 0,
    out: expect.stringContaining('1 rankings'),
  })
})

test('wrong usage is told', async () => {
  const out = await writeTasks()
  expect(await label('write', '--kind', 'taste', '--data', 'x', '--out', 'y')).toMatchObject({
    code: 2,
    err: expect.stringContaining('It must be one of ranking, correction, thumbs, rubric.'),
  })
  const both = ['--merge', '--labeler', 'ann']
  expect(await label('read', '--labels', out, '--as', 'pairs', '--out', 'x', ...both)).toMatchObject({
    code: 2,
  })
  expect(await label('agreement', '--labels', dir)).toMatchObject({
    code: 1,
    err: expect.stringContaining('no folder of label tasks'),
  })
})
