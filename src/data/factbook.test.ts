import { describe, expect, it } from 'vitest'
import { splitHeldOut } from './document.js'
import { loadFactbook } from './factbook.js'
import { cleanFactbookText, factbookText, factbookTitle } from './factbook-text.js'

const documents = await loadFactbook()

describe('cleanFactbookText', () => {
  it.each([
    ['$2.5 (2014 est.) ++ $2.6 (2013 est.)', '$2.5 (2014 est.); $2.6 (2013 est.)'],
    [' ++ urban: 99% ++ rural: 98%', 'urban: 99%; rural: 98%'],
    ['-29.3% ++  (2014 est.)', '-29.3% (2014 est.)'],
    ['euros per US dollar - ++ 0.7489 ++ 0.76', 'euros per US dollar - 0.7489; 0.76'],
    ['One sentence. ++  ++ Another one.', 'One sentence.\nAnother one.'],
    ['Muslim 99%, other \nreligious affiliation:\n\n   \n', 'Muslim 99%, other'],
    ['<b>France\u2019s</b>  reforms\u2014which &amp; \u201cso\u201d', 'France\'s reforms - which & "so"'],
    ['Forces Arm\ufffdes, unknown w\ufffdrd', 'Forces Armees, unknown wrd'],
    ['Brest, Calais,', 'Brest, Calais'],
  ])('makes %j into %j', (raw, clean) => {
    expect(cleanFactbookText(raw)).toBe(clean)
  })
})

describe('factbookText', () => {
  it('writes sections, fields, parts and notes, and leaves out what is empty', () => {
    const profile = {
      Geography: {
        Area: { total: { text: '5 sq km' }, note: { text: 'small' }, water: { text: '' } },
        Climate: { text: 'mild', note: { text: 'windy' } },
        Terrain: { text: null },
      },
      Economy: { 'Northern part': { GDP: { text: '$5', note: { text: 'old' } } } },
      Energy: { Oil: { text: 'NA' } },
    }
    expect(factbookText('Here', profile)).toBe(
      '# Here\n\n## Geography\n\nArea:\n- total: 5 sq km\n- note: small\nClimate: mild\n- note: windy\n\n' +
        '## Economy\n\nNorthern part:\n- GDP: $5\n  - note: old\n',
    )
  })

  it('takes the name a country is called by', () => {
    const named = (short: string, long: string) => ({
      Government: {
        'Country name': {
          'conventional short form': { text: short },
          'conventional long form': { text: long },
        },
      },
    })
    expect(factbookTitle('fr', named('France', 'French Republic'))).toBe('France')
    expect(factbookTitle('ae', named('none', 'United Arab Emirates'))).toBe('United Arab Emirates')
    expect(factbookTitle('xx', {})).toBe('World')
  })
})

describe('loadFactbook', () => {
  it('gives 261 documents with unique ids and titles, in order', () => {
    expect(documents.length).toBe(261)
    const ids = documents.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)].sort())
    expect(new Set(documents.map(({ title }) => title)).size).toBe(261)
    expect(documents.find(({ id }) => id === 'europe/fr')!.title).toBe('France')
  })

  it('leaves no markup, no broken letters, no doubled spaces, no empty lines within', () => {
    for (const { id, text } of documents) {
      expect(text, id).not.toMatch(/\ufffd|\+\+|<[a-z/]|&[a-z]+;|\r|\t|[\u0080-\u009f]|\S {2}|\n{3}| \n/)
      expect(text, id).toMatch(/^# .+\n\n## Introduction\n\nBackground: /)
    }
  })

  it('keeps the substance', () => {
    const all = documents.reduce((sum, { text }) => sum + text.length, 0)
    expect(all).toBeGreaterThan(4_000_000)
    const lithuania = documents.find(({ title }) => title === 'Lithuania')!.text
    expect(lithuania).toContain('Siauliai, Silale, Silute, Sirvintos')
    expect(documents.find(({ title }) => title === 'Czech Republic')!.text).toContain(
      'Area:\n- total: 78,867 sq km\n- land: 77,247 sq km',
    )
  })

  it('stops when asked to', async () => {
    await expect(loadFactbook(AbortSignal.abort())).rejects.toThrow(/abort/i)
  })
})

describe('splitHeldOut', () => {
  it('holds out whole documents, the same ones every time and in any order', () => {
    const split = splitHeldOut(documents, { fraction: 0.1, seed: 1 })
    expect(split.heldOut.length).toBe(26)
    expect(split.train.length).toBe(235)
    const again = splitHeldOut([...documents].reverse(), { fraction: 0.1, seed: 1 })
    expect(new Set(again.heldOut)).toEqual(new Set(split.heldOut))
    expect(splitHeldOut(documents, { count: 26, seed: 2 }).heldOut).not.toEqual(split.heldOut)
  })

  it('moves few documents when one is added', () => {
    const before = new Set(splitHeldOut(documents.slice(1), { count: 20, seed: 1 }).heldOut)
    const after = splitHeldOut(documents, { count: 20, seed: 1 }).heldOut
    expect(after.filter((document) => before.has(document)).length).toBeGreaterThanOrEqual(19)
  })

  it.each([{ count: 0 }, { count: 261 }, { count: 1.5 }, { fraction: 0 }, { fraction: 1 }])(
    'refuses %j',
    (part) => {
      expect(() => splitHeldOut(documents, { ...part, seed: 1 } as { count: number; seed: number })).toThrow(
        /hold out|fraction/,
      )
    },
  )
})
