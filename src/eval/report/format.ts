/** Numbers and texts as the report writes them. */
import type { Estimate } from './schema.js'

const minus = '\u2212'

/** A number of the given unit: 'fraction' as per cent, others with three or four significant digits and the unit behind. */
export function quantity(value: number, unit = ''): string {
  if (unit === 'fraction') return `${signed((100 * value).toFixed(1))}\u00a0%`
  return unit === '' ? compact(value) : `${compact(value)}\u00a0${unit}`
}

/** "82.3 % [80.1, 84.4]"; the unit stands once. */
export function estimate({ value, low, high }: Estimate, unit = ''): string {
  if (low === undefined || high === undefined) return quantity(value, unit)
  return `${quantity(value, unit)} ${interval(low, high, unit)}`
}

/** "[80.1, 84.4]" in the unit of the number before it. */
export function interval(low: number, high: number, unit = ''): string {
  const show = (bound: number) => (unit === 'fraction' ? signed((100 * bound).toFixed(1)) : compact(bound))
  return `[${show(low)}, ${show(high)}]`
}

/** 0.00012 -> "0.00012", 1.23456 -> "1.235", 12345 -> "12,345", 1e-9 -> "1.0e−9". */
export function compact(value: number): string {
  const size = Math.abs(value)
  if (value === 0) return '0'
  if (!Number.isFinite(value)) return signed(String(value))
  if (size >= 1e9 || size < 1e-4) return signed(value.toExponential(1))
  if (Number.isInteger(value)) return signed(grouped(value))
  if (size >= 1000) return signed(grouped(value))
  return signed(String(Number(value.toPrecision(size >= 1 ? 4 : 3))))
}

/** 1234567 -> "1,234,567". */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Three significant digits with a decimal prefix: 998, 1.23 k, 45.6 M. */
export function prefixed(value: number, unit = ''): string {
  const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y']
  let scaled = value
  let power = 0
  while (Math.abs(scaled) >= 999.5 && power < prefixes.length - 1) {
    scaled /= 1000
    power++
  }
  const digits = Number.isInteger(scaled) || Math.abs(scaled) >= 99.95 ? 0 : Math.abs(scaled) >= 9.995 ? 1 : 2
  const suffix = `${prefixes[power]}${unit}`
  return `${signed(scaled.toFixed(digits))}${suffix === '' ? '' : `\u00a0${suffix}`}`
}

/** 9000 seconds -> "2 h 30 min"; 75 -> "1 min 15 s"; 60 -> "1 min"; 8.2 -> "8.2 s". */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))}\u00a0s`
  const whole = Math.round(seconds)
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600),
    Math.floor(whole / 60),
  ]
  if (whole < 60) return `${whole}\u00a0s`
  const pair = (large: number, unit: string, small: number, smaller: string) =>
    small === 0 ? `${large}\u00a0${unit}` : `${large}\u00a0${unit} ${small}\u00a0${smaller}`
  if (whole < 3600) return pair(minutes, 'min', whole % 60, 's')
  if (whole < 86_400) return pair(hours, 'h', minutes % 60, 'min')
  return pair(days, 'd', hours % 24, 'h')
}

/** 2026-01-31T10:20:30Z -> "2026-01-31 10:20 UTC"; the zone as it was given. */
export function moment(when: string): string {
  const [, date, time, zone] = /^(\S+)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(\S*)$/.exec(when) ?? []
  if (date === undefined) return when
  return `${date} ${time} ${zone === 'Z' || zone === '' ? 'UTC' : `UTC${zone}`}`
}

/** A setting's value. */
export function setting(value: string | number | boolean | null): string {
  if (typeof value === 'number') return compact(value)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return value ?? 'none'
}

/**
 * Text that somebody (or some model) wrote, made harmless: control characters are shown as their pictures, what turns the
 * direction of writing around as its code, half surrogates as U+FFFD. Line ends and tabs stay.
 */
export function visible(text: string): string {
  return (
    text
      .replace(/\r\n?/g, '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\x00-\x08\x0b-\x1f]/g, (char) => String.fromCharCode(0x2400 + char.charCodeAt(0)))
      .replace(
        /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
        (char) => `\u27e8U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}\u27e9`,
      )
      .replace(/\p{Surrogate}/gu, '\ufffd')
  )
}

function signed(digits: string): string {
  return /^-0(\.0*)?$/.test(digits) ? digits.slice(1) : digits.replaceAll('-', minus)
}
