import { describe, expect, it, vi } from 'vitest'
import { en } from './en.js'
import type { Text } from './index.js'
import { zh } from './zh.js'

vi.stubGlobal('navigator', { languages: ['en'] })
const { formats, translate } = await import('./index.js')

const places = (text: Text): string[] => {
  const forms = typeof text === 'string' ? [text] : Object.values(text)
  return [...new Set(forms.flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort()
}

describe('the dictionaries', () => {
  it('have the same texts, with the same places in them', () => {
    const english: Readonly<Record<string, Text>> = en
    const chinese: Readonly<Record<string, Text>> = zh
    expect(Object.keys(chinese).sort()).toEqual(Object.keys(english).sort())
    const differing = Object.keys(english).filter(
      (key) => places(english[key]!).join() !== places(chinese[key]!).join(),
    )
    expect(differing).toEqual([])
  })

  it('have no empty text', () => {
    const forms = [en, zh]
      .flatMap((words) => Object.values<Text>(words))
      .flatMap((text) => Object.values(text))
    expect(forms.every((form) => form !== '')).toBe(true)
  })

  it('choose the plural and write numbers as the language does', () => {
    expect(translate('en', 'chat.tokens', { n: 1 })).toBe('1 token')
    expect(translate('en', 'chat.tokens', { n: 12_345 })).toBe('12,345 tokens')
    expect(translate('zh', 'chat.tokens', { n: 1 })).toBe('1 个词元')
  })

  it('put values in as they are', () => {
    expect(translate('en', 'chat.notFound', { q: '{q} <b>' })).toBe('Nothing found for “{q} <b>”.')
  })

  it('write sizes and spans of time', () => {
    expect(formats('en').bytes(2_100_000)).toBe('2.1 MB')
    expect(formats('en').duration(3700)).toBe('1 hr 1 min')
    expect(formats('zh').duration(75)).toBe('1分钟 15秒')
    expect(formats('en').ago(Date.now() - 5 * 60_000)).toBe('5 minutes ago')
  })
})
