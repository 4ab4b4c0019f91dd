import { describe, expect, it } from 'vitest'
import { loadFactbook } from '../../data/index.js'
import { FACT_TYPES, readFacts } from './facts.js'

const countries = readFacts(await loadFactbook())
const find = (name: string) => countries.find((country) => country.name === name)!

describe('readFacts', () => {
  it('gives sovereign countries with unique names, the well known ones first', () => {
    expect(countries.length).toBeGreaterThanOrEqual(190)
    expect(new Set(countries.map(({ name }) => name)).size).toBe(countries.length)
    expect(countries.slice(0, 5).map(({ called }) => called)).toEqual([
      'the United States',
      'China',
      'Japan',
      'Germany',
      'the United Kingdom',
    ])
    expect(countries.map(({ name }) => name)).not.toContain('Puerto Rico')
  })

  it('reads what the Factbook says', () => {
    const { facts, neighbours, cities } = find('France')
    expect(Object.fromEntries(Object.values(facts).map(({ type, value }) => [type, value]))).toEqual({
      capital: 'Paris',
      continent: 'Europe',
      language: 'French',
      currency: 'euro',
      population: '67 million',
      area: '640,000 square kilometers',
      internet: '.fr',
      highest: 'Mont Blanc',
    })
    expect(neighbours).toContain('Switzerland')
    expect(cities[0]).toBe('Lyon')
    expect(find('Algeria').facts).toMatchObject({
      currency: { value: 'Algerian dinar', accept: ['Algerian dinar', 'dinar'] },
      independence: { value: '1962', number: 1962 },
      population: { number: 40e6 },
    })
    expect(find('Netherlands')).toMatchObject({
      called: 'the Netherlands',
      neighbours: ['Belgium', 'Germany'],
    })
    expect(find('Japan').neighbours).toEqual([])
  })

  it('covers nearly every country and holds nothing but clean values', () => {
    for (const type of FACT_TYPES) {
      const known = countries.filter(({ facts }) => facts[type])
      expect(known.length, type).toBeGreaterThan(type === 'independence' ? 140 : 180)
      for (const { facts } of known) {
        const { value, accept } = facts[type]!
        expect(value).toMatch(/^[\p{L}\p{N} .,'-]{2,40}$/u)
        expect(accept.length).toBeGreaterThan(0)
      }
    }
  })

  it('knows neighbours from both sides', () => {
    for (const { called, neighbours } of countries) {
      for (const neighbour of neighbours ?? []) {
        const other = countries.find((country) => country.called === neighbour)
        expect(other?.neighbours, `${called} and ${neighbour}`).toContain(called)
      }
    }
  })

  it('says what is missing when the documents are others', () => {
    expect(() => readFacts([{ id: 'a', title: 'a', text: 'b' }])).toThrow(/only 0 countries/)
  })
})
