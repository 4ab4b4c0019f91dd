/**
 * The words of the studio. `en.ts` and `zh.ts` hold the same keys (the compiler checks it), and so do the parameters of a
 * text: `t('chat.found', { n: 3 })` does not compile when the text has no `{n}`.
 */
import { useCallback } from 'react'
import { createSavedStore, useStore } from '../lib/store.js'
import { type English, en } from './en.js'
import { zh } from './zh.js'

/** A text, or its forms by the plural rules of the language; `{n}` decides which. */
export type Text = string | { readonly one?: string; readonly other: string }
export type Key = keyof English
/** What a dictionary of another language holds. */
export type Dictionary<Words> = { readonly [K in keyof Words]: Words[K] extends string ? string : Text }

type Names<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never
type NamesOf<T> = T extends string ? Names<T> : T extends { other: infer Other } ? Names<Other> : never
type Arguments<K extends Key> = [NamesOf<English[K]>] extends [never]
  ? []
  : [values: { readonly [Name in NamesOf<English[K]>]: string | number }]

/** The keys of texts without parameters. */
export type PlainKey = { [K in Key]: [NamesOf<English[K]>] extends [never] ? K : never }[Key]

export type Translate = <K extends Key>(key: K, ...values: Arguments<K>) => string

export type Locale = 'en' | 'zh'
export const locales: Readonly<Record<Locale, string>> = { en: 'English', zh: '简体中文' }

const dictionaries: Readonly<Record<Locale, Readonly<Record<string, Text>>>> = { en, zh }

const isLocale = (value: unknown): value is Locale => value === 'en' || value === 'zh'
const preferred: Locale = navigator.languages?.some((tag) => /^(zh|en)/i.test(tag))
  ? /^zh/i.test(navigator.languages.find((tag) => /^(zh|en)/i.test(tag))!)
    ? 'zh'
    : 'en'
  : 'en'

export const locale = createSavedStore<Locale>('athanor.locale', preferred, isLocale)

/** What `Intl` is asked for. */
export const tagOf = (chosen: Locale): string => (chosen === 'zh' ? 'zh-CN' : 'en')

/** The page's `lang`, for screen readers, hyphenation and fonts. */
export function applyLocale(): void {
  const apply = () => {
    document.documentElement.lang = tagOf(locale.get())
  }
  apply()
  locale.subscribe(apply)
}

/** A text of `chosen` with its parameters filled in; numbers are written as the language writes them. */
export function translate<K extends Key>(chosen: Locale, key: K, ...values: Arguments<K>): string {
  const parameters = (values[0] ?? {}) as Readonly<Record<string, string | number>>
  const text: Text = dictionaries[chosen][key] ?? key
  return pick(text, chosen, parameters.n).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name]
    return typeof value === 'number' ? new Intl.NumberFormat(tagOf(chosen)).format(value) : (value ?? whole)
  })
}

function pick(text: Text, chosen: Locale, n: string | number | undefined): string {
  if (typeof text === 'string') return text
  const rule = new Intl.PluralRules(tagOf(chosen)).select(Number(n ?? 0))
  return (rule === 'one' && text.one) || text.other
}

/** The texts in the language of the page. */
export function useT(): Translate {
  const chosen = useStore(locale)
  return useCallback<Translate>((key, ...values) => translate(chosen, key, ...values), [chosen])
}

/** Numbers, dates and spans of time as the language writes them. */
export interface Formats {
  number(value: number, options?: Intl.NumberFormatOptions): string
  percent(value: number): string
  /** `2.1 MB`; decimal units. */
  bytes(value: number): string
  /** Of a date in milliseconds or ISO form. */
  date(value: number | string, options?: Intl.DateTimeFormatOptions): string
  /** `5 minutes ago`. */
  ago(value: number | string): string
  /** `1 h 20 min`, of seconds. */
  duration(seconds: number): string
}

export function formats(chosen: Locale): Formats {
  const tag = tagOf(chosen)
  const number = (value: number, options?: Intl.NumberFormatOptions) =>
    new Intl.NumberFormat(tag, options).format(value)
  const unit = (value: number, name: string) =>
    number(value, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: 0 })
  return {
    number,
    percent: (value) => number(value, { style: 'percent', maximumFractionDigits: 1 }),
    bytes(value) {
      const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']
      const power = Math.max(0, Math.min(4, Math.floor(Math.log10(Math.max(1, value)) / 3)))
      const digits = { maximumSignificantDigits: 3, style: 'unit', unitDisplay: 'short' } as const
      return number(value / 1000 ** power, { ...digits, unit: units[power]! })
    },
    date: (value, options = { dateStyle: 'medium', timeStyle: 'short' }) =>
      new Intl.DateTimeFormat(tag, options).format(new Date(value)),
    ago(value) {
      const seconds = (new Date(value).getTime() - Date.now()) / 1000
      const relative = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' })
      const steps = [
        [60, 1, 'second'],
        [3600, 60, 'minute'],
        [86_400, 3600, 'hour'],
        [30 * 86_400, 86_400, 'day'],
        [365 * 86_400, 30 * 86_400, 'month'],
        [Number.POSITIVE_INFINITY, 365 * 86_400, 'year'],
      ] as const
      const [, size, name] = steps.find(([limit]) => Math.abs(seconds) < limit)!
      return relative.format(Math.round(seconds / size), name)
    },
    duration(seconds) {
      const whole = Math.max(0, Math.round(seconds))
      if (whole < 60) return unit(whole, 'second')
      if (whole < 3600) return `${unit(Math.floor(whole / 60), 'minute')} ${unit(whole % 60, 'second')}`
      return `${unit(Math.floor(whole / 3600), 'hour')} ${unit(Math.floor((whole % 3600) / 60), 'minute')}`
    },
  }
}

const made: Partial<Record<Locale, Formats>> = {}

export function useFormats(): Formats {
  const chosen = useStore(locale)
  made[chosen] ??= formats(chosen)
  return made[chosen]
}
