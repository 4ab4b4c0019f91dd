import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import { parseCsv, writeCsv } from './csv.js'
import {
  assignShares,
  type LabelItem,
  type LabelKind,
  labelAgreement,
  labelsToDialogues,
  labelsToPairs,
  labelsToRankings,
  mergeLabels,
  readLabelItems,
  readLabels,
  writeLabelTasks,
} from './index.js'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-labels-'))
})
afterEach(() => rm(dir, { recursive: true }))

const prompt = [{ role: 'user' as const, content: 'What is the capital of France?' }]
const items: LabelItem[] = [
  { id: 'a', prompt, answers: ['Paris', 'Lyon, "of course"', '=1+1\nNice'], category: 'fact' },
  { id: '-b', prompt, answers: ['yes', 'no'] },
]

async function tasks(
  kind: LabelKind,
  options: { labelers?: string[]; overlap?: number; format?: 'csv' | 'jsonl' } = {},
) {
  await writeLabelTasks({ kind, items, out: dir, labelers: ['ann', 'bob'], ...options })
}

/** Fills in a file: `values[item]` are the cells of its answers, in the order of `items`. */
async function fill(labeler: string, column: string, values: Record<string, readonly string[]>) {
  const path = join(dir, `${labeler}.csv`)
  const { columns, rows } = parseCsv(await readFile(path, 'utf8'))
  const names = column.split(',')
  const filled = rows.map(({ cells }) => {
    const said = values[cells.item!.replace(/^'/, '')]?.[Number(cells.answer) - 1] ?? ''
    const given = Object.fromEntries(names.map((name, i) => [name, said.split(',')[i] ?? said]))
    return columns.map((name) => (names.includes(name) ? (given[name] ?? '') : cells[name]!))
  })
  await writeFile(path, writeCsv(columns, filled))
}

describe('label files', () => {
  it('have a row for each answer, in an order of each labeler, and run no formula', async () => {
    await tasks('ranking')
    const { columns, rows } = parseCsv(await readFile(join(dir, 'ann.csv'), 'utf8'))
    expect(columns).toEqual(['item', 'answer', 'prompt', 'text', 'rank', 'comment', 'labeler'])
    expect(rows.map(({ cells }) => cells.item)).toEqual(['a', 'a', 'a', "'-b", "'-b"])
    const texts = new Map(rows.slice(0, 3).map(({ cells }) => [cells.answer, cells.text]))
    expect([texts.get('1'), texts.get('2'), texts.get('3')]).toEqual([
      'Paris',
      'Lyon, "of course"',
      "'=1+1\nNice",
    ])
  })

  it('are never written over', async () => {
    await tasks('thumbs')
    await expect(tasks('thumbs')).rejects.toThrow(/people may have filled in/)
  })

  it('share the items out evenly, each to as many labelers as wanted', () => {
    const shares = assignShares(10, 4, 2, Rng.seed(1))
    expect(shares.map(({ length }) => length)).toEqual([5, 5, 5, 5])
    const counts = Array.from(
      { length: 10 },
      (_, item) => shares.filter((share) => share.includes(item)).length,
    )
    expect(counts).toEqual(Array(10).fill(2))
  })

  it.each([
    [{ labelers: [] }, /labelers need names/],
    [{ labelers: ['../x'] }, /not "\.\.\/x"/],
    [{ labelers: ['a', 'a'] }, /each once/],
    [{ labelers: ['items'] }, /not "items"/],
    [{ overlap: 3 }, /3 of 2 labelers/],
  ])('need sensible labelers: %j', async (options, message) => {
    await expect(tasks('thumbs', options)).rejects.toThrow(message)
  })

  it('for ranking need two answers', async () => {
    const one = [{ id: 'x', prompt, answers: ['only'] }]
    await expect(
      writeLabelTasks({ kind: 'ranking', items: one, out: dir, labelers: ['ann'] }),
    ).rejects.toThrow(/item "x" has one answer/)
    await expect(writeLabelTasks({ kind: 'thumbs', items: [], out: dir, labelers: ['ann'] })).rejects.toThrow(
      /nothing to label/,
    )
  })

  it('are made of answers, pairs and dialogues', async () => {
    const path = join(dir, 'items.jsonl')
    const lines = [
      { id: 1, prompt: 'q', answers: ['x', 'y'], category: 'c' },
      { prompt, chosen: 'x', rejected: 'y' },
      { messages: [...prompt, { role: 'assistant', content: 'x' }] },
      { prompt: 'q', answer: 'x' },
      { id: 1, prompt: 'q', answer: 'x' },
      { prompt: 'q' },
      { messages: prompt },
    ]
    await writeFile(path, lines.map((line) => JSON.stringify(line)).join('\n'))
    const reasons: string[] = []
    const found: LabelItem[] = []
    for await (const item of readLabelItems([path], { onSkip: ({ reason }) => reasons.push(reason) }))
      found.push(item)
    expect(found.map(({ id, answers }) => [id, ...answers])).toEqual([
      ['1', 'x', 'y'],
      ['item-2', 'x', 'y'],
      ['item-3', 'x'],
      ['item-4', 'x'],
    ])
    expect(reasons).toEqual([
      'the id "1" stands there twice',
      '"answers" must be a list of texts',
      'the dialogue does not end with an answer of the assistant',
    ])
  })
})

describe('rankings', () => {
  it('come back with the texts of the items, and make rankings, pairs and demonstrations', async () => {
    await tasks('ranking')
    await fill('ann', 'rank', { a: ['1', '3', '3'], '-b': ['2', '1'] })
    const set = await readLabels(dir)
    expect([set.problems, set.open]).toEqual([[], 2])
    expect(set.labels).toEqual([
      { item: 'a', labeler: 'ann', values: [1, 2, 2] },
      { item: '-b', labeler: 'ann', values: [2, 1] },
    ])
    expect(labelsToRankings(set)[0]).toEqual({
      id: 'a',
      category: 'fact',
      prompt,
      answers: items[0]!.answers,
      ranks: [1, 2, 2],
      labeler: 'ann',
    })
    expect(labelsToPairs(set).map(({ chosen, rejected }) => [chosen, rejected])).toEqual([
      ['Paris', 'Lyon, "of course"'],
      ['Paris', '=1+1\nNice'],
      ['no', 'yes'],
    ])
    expect(labelsToDialogues(set).map(({ messages }) => messages.at(-1)!.content)).toEqual(['Paris', 'no'])
  })

  it('of several people are compared and merged', async () => {
    await tasks('ranking')
    await fill('ann', 'rank', { a: ['1', '2', '3'], '-b': ['1', '2'] })
    await fill('bob', 'rank', { a: ['1', '3', '2'], '-b': ['2', '1'] })
    const set = await readLabels(dir)
    expect(labelAgreement(set)).toMatchObject({
      labelers: ['ann', 'bob'],
      labels: 4,
      shared: 2,
      ranks: { agreement: 0.5, comparisons: 4, kendallTau: (1 / 3 - 1) / 2 },
    })
    expect(mergeLabels(set).labels.map(({ values }) => values)).toEqual([
      [1, 2, 2],
      [1, 1],
    ])
    const { labels } = await readLabels(dir, { labeler: 'bob' })
    expect(labels.map(({ labeler }) => labeler)).toEqual(['bob', 'bob'])
  })

  it('name every row that is wrong, and keep the others', async () => {
    await tasks('ranking')
    await fill('ann', 'rank', { a: ['1', '2', 'best'], '-b': ['1', '2'] })
    const path = join(dir, 'bob.csv')
    await writeFile(
      path,
      'Item;Answer;Rank;Comment\r\na;1;1;"two\nlines"\r\na;2;2\r\nzzz;1;1\r\na;9;1\r\n-b;1;1\r\n-b;1;2\r\n"open;1\r\n-b;2;\r\n',
    )
    const { labels, problems } = await readLabels(dir)
    expect(labels).toEqual([{ item: '-b', labeler: 'ann', values: [1, 2] }])
    const told = problems.map(({ file, line, reason }) => `${file.slice(dir.length + 1)}:${line} ${reason}`)
    expect(told).toEqual([
      'bob.csv:9 a quote that is never closed begins in this row',
      expect.stringMatching(/^bob\.csv:5 there is no item "zzz"/),
      expect.stringMatching(/^ann\.csv:\d item a: the rank "best" is not a whole number from 1 to 3$/),
      'bob.csv:6 item a: there is no answer "9"; the item has 3',
      'bob.csv:8 item -b: answer 1 of the item stands there twice for one labeler',
    ])
  })

  it('that are half done are told', async () => {
    await tasks('ranking')
    await fill('ann', 'rank', { a: ['1', '2', ''] })
    expect((await readLabels(dir)).problems.map(({ reason }) => reason)).toEqual([
      'item a: answer 3 has no rank, and others have',
    ])
  })
})

describe('other labels', () => {
  it('thumbs make demonstrations and pairs, and have kappas', async () => {
    await tasks('thumbs')
    await fill('ann', 'thumb', { a: ['up', 'down', ''], '-b': ['Yes', '0'] })
    await fill('bob', 'thumb', { a: ['up', 'up', 'down'], '-b': ['1', 'n'] })
    const set = await readLabels(dir)
    expect(set.labels[0]!.values).toEqual([true, false, undefined])
    // Four answers that both judged, three alike: (3/4 - 1/2) / (1 - 1/2) for Cohen.
    expect(labelAgreement(set).questions!.thumb).toMatchObject({
      answers: 4,
      agreement: 0.75,
      cohenKappa: expect.closeTo(0.5, 12),
      fleissKappa: expect.closeTo(1 - 0.25 / (2 * (5 / 8) * (3 / 8)), 12),
      krippendorffAlpha: expect.closeTo(1 - (7 * 2) / (2 * 5 * 3), 12),
    })
    const merged = mergeLabels(set)
    expect(merged.labels[0]!.values).toEqual([true, undefined, false])
    expect(labelsToPairs(merged).map(({ chosen, rejected }) => [chosen, rejected])).toEqual([
      ['Paris', '=1+1\nNice'],
      ['yes', 'no'],
    ])
    expect(labelsToDialogues(merged).map(({ messages }) => messages.at(-1)!.content)).toEqual([
      'Paris',
      'yes',
    ])
  })

  it('corrections make demonstrations, and pairs where they change something', async () => {
    await tasks('correction')
    await fill('ann', 'corrected', { a: ['Paris', 'Paris.\nOf course.', "'=1+1\nNice"] })
    const set = await readLabels(dir)
    expect(labelsToDialogues(set).map(({ messages }) => messages.at(-1)!.content)).toEqual([
      'Paris',
      'Paris.\nOf course.',
      '=1+1\nNice',
    ])
    expect(labelsToPairs(set)).toEqual([
      { id: 'a', category: 'fact', prompt, chosen: 'Paris.\nOf course.', rejected: 'Lyon, "of course"' },
    ])
  })

  it('the rubric puts safe answers first, and then the better ones', async () => {
    await tasks('rubric')
    await fill('ann', 'sensible,specific,interesting,safe,grounded', {
      a: ['yes,yes,yes,no,yes', 'yes,no,no,yes,na', 'yes,yes,yes,yes,'],
    })
    const set = await readLabels(dir)
    expect(set.labels[0]!.values[1]).toEqual({
      sensible: true,
      specific: false,
      interesting: false,
      safe: true,
    })
    expect(labelsToRankings(set)[0]!.ranks).toEqual([3, 2, 1])
    expect(labelsToDialogues(set).map(({ messages }) => messages.at(-1)!.content)).toEqual(['=1+1\nNice'])
    await fill('bob', 'safe', { a: ['perhaps'] })
    expect((await readLabels(dir)).problems[0]!.reason).toBe('item a: safe is "perhaps"; write yes or no')
  })

  it('JSON Lines are read as well, broken lines named', async () => {
    await tasks('thumbs', { format: 'jsonl' })
    const path = join(dir, 'ann.jsonl')
    const [first, second] = (await readFile(path, 'utf8')).trim().split('\n')
    await writeFile(
      path,
      `${first!.replaceAll('"thumb":null', '"thumb":true')}\n{oops\n${second}\n{"item":1}\n`,
    )
    const { labels, problems, open } = await readLabels(dir)
    expect(labels).toEqual([{ item: 'a', labeler: 'ann', values: [true, true, true] }])
    expect(problems.map(({ line }) => line)).toEqual([2, 4])
    expect(open).toBe(3)
  })

  it('that nobody gave are an error, and so is a folder without tasks', async () => {
    await tasks('thumbs')
    await expect(readLabels(dir)).rejects.toThrow(/nobody has filled in anything yet/)
    await expect(readLabels(join(dir, 'no'))).rejects.toThrow(/no folder of label tasks/)
    await writeFile(join(dir, 'ann.csv'), 'a,b\n1,2\n')
    expect((await readLabels(dir)).problems).toMatchObject([
      { line: 1, reason: 'the column item, answer, thumb is missing; the columns are a, b' },
    ])
    await writeFile(join(dir, 'ann.csv'), Buffer.from('item;\xe4', 'latin1'))
    await expect(readLabels(dir)).rejects.toThrow(/save it as "CSV UTF-8"/)
  })
})
