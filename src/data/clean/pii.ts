/**
 * Personal data out, typed placeholders in. Numbers count as personal only where their form and, where there is one, their check
 * digit say so: versions, dates, years, amounts and coordinates stay.
 */
import { isIPv6 } from 'node:net'
import { ibanLength, isIban, isLuhn, isResidentId } from './check-digits.js'

export const piiKinds = ['email', 'phone', 'ip', 'us-ssn', 'cn-id', 'card', 'iban'] as const
export type PiiKind = (typeof piiKinds)[number]

const PLACEHOLDERS: Readonly<Record<PiiKind, string>> = {
  email: '[EMAIL]',
  phone: '[PHONE]',
  ip: '[IP]',
  'us-ssn': '[US-SSN]',
  'cn-id': '[CN-ID]',
  card: '[CARD]',
  iban: '[IBAN]',
}

export interface Scrubbed {
  readonly text: string
  /** How many of each kind were replaced; empty where the text is as it was. */
  readonly found: Readonly<Partial<Record<PiiKind, number>>>
}

// A local part of at most 64 characters (RFC 5321), so that a long run of letters cannot make the search quadratic.
const EMAIL =
  /(?<![a-z0-9.!#$%&'*+/=?^_`{|}~-])[a-z0-9](?:[a-z0-9.!#$%&'*+/=?^_`{|}~-]{0,62}[a-z0-9_+-])?@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,6}[a-z]{2,24}(?![a-z0-9])/gi
const IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}/g
const IPV4 = /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d]|\.\d)/g
/** Global unicast addresses only: 2000::/3. */
const IPV6 = /(?<![\w:.])[23][0-9a-f]{3}:(?:[0-9a-f]{1,4}:){0,6}(?:[0-9a-f]{1,4}|:[0-9a-f:]*)?(?![\w:])/gi
/** What follows makes four numbers with dots a version: `v1.2.3.4`, `Chrome/120.0.0.0`, `version 1.2.3.4`. */
const VERSION_BEFORE = /(?:\bv|\/|\b(?:version|ver\.?|release|build|firmware|kernel|driver)[\s:]*)$/i
/** Runs of digits with the separators of cards, phones and national numbers. */
const NUMBER = /(?<![\p{L}\p{N}_.,:/=-])[+(]?\d[\d ().-]{5,26}[\dXx](?![\p{L}\p{N}_]|[-/.,:]\d)/gu
/** Chinese puts numbers next to words without a space. */
const CHINESE_NUMBER = /(?<![A-Za-z0-9_.,:/=+-])[+(]?\d[\d ().-]{5,26}[\dXx](?![A-Za-z0-9_]|[-/.,:]\d)/g

/** Replaces personal data of the given kinds. The same again changes nothing. */
export function scrubPii(text: string, kinds: ReadonlySet<PiiKind>): Scrubbed {
  const found: Partial<Record<PiiKind, number>> = {}
  const replace = (kind: PiiKind): string => {
    found[kind] = (found[kind] ?? 0) + 1
    return PLACEHOLDERS[kind]
  }
  let out = text
  if (kinds.has('email') && out.includes('@')) out = out.replace(EMAIL, () => replace('email'))
  if (!/\d[\d ().:-]{4}/.test(out) && !/[0-9a-f]:[0-9a-f:]/i.test(out)) return { text: out, found }
  if (kinds.has('iban')) out = out.replace(IBAN, (match) => scrubIban(match, replace))
  if (kinds.has('ip')) {
    out = out.replace(IPV4, (match, at: number, whole: string) => {
      const isVersion = VERSION_BEFORE.test(whole.slice(Math.max(0, at - 12), at))
      return !isVersion && isPublicIPv4(match) ? replace('ip') : match
    })
    out = out.replace(IPV6, (match) => (isIPv6(match) ? replace('ip') : match))
  }
  const number = (match: string): string => {
    const kind = kindOfNumber(match)
    return kind !== undefined && kinds.has(kind) ? replace(kind) : match
  }
  out = out.replace(NUMBER, number)
  if (/[\u3400-\u9fff]/.test(out)) out = out.replace(CHINESE_NUMBER, number)
  return { text: out, found }
}

/** A match may run on into the words after the account; what its country's length leaves over stays. */
function scrubIban(match: string, replace: (kind: PiiKind) => string): string {
  const length = ibanLength(match)
  if (length === undefined) return match
  let at = 0
  for (let seen = 0; at < match.length && seen < length; at++) if (match[at] !== ' ') seen++
  return isIban(match.slice(0, at).replaceAll(' ', '')) ? replace('iban') + match.slice(at) : match
}

function kindOfNumber(match: string): PiiKind | undefined {
  const digits = match.replace(/\D/g, '')
  if (/^\d{17}[\dXx]$/.test(match) && isResidentId(match)) return 'cn-id'
  if (/[Xx]$/.test(match)) return undefined
  if (/^\d{3}-\d{2}-\d{4}$/.test(match)) return isSocialSecurity(digits) ? 'us-ssn' : undefined
  if (/^\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,7}$|^3\d{3}([ -]?)\d{6}\2\d{4,5}$/.test(match)) {
    // The first digit says who issues: 3 to 6 are the schemes that people carry.
    if (/^[3-6]/.test(digits) && digits.length <= 19 && isLuhn(digits)) return 'card'
  }
  return isPhone(match, digits) ? 'phone' : undefined
}

/** Numbers that were ever given out: no area 000, 666 or from 900 on, no group 00, no serial 0000. */
function isSocialSecurity(digits: string): boolean {
  return !/^(?:000|666|9)|^...00|0000$/.test(digits)
}

/** International with a plus; North American with its separators; Chinese mobile and landline. */
function isPhone(match: string, digits: string): boolean {
  if (match.startsWith('+')) return digits.length >= 8 && digits.length <= 15
  if (/^(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}$/.test(match)) return true
  if (/^(?:86[ -]?)?1[3-9]\d([ -]?)\d{4}\1\d{4}$/.test(match)) return true
  return /^\(?0\d{2,3}[) -]{1,2}\d{7,8}$/.test(match)
}

function isPublicIPv4(address: string): boolean {
  const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
  if (Math.max(a, b, c, d) > 255 || /(?:^|\.)0\d/.test(address)) return false
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false
  return !((a === 192 && b === 168) || (a === 172 && b >= 16 && b < 32) || (a === 169 && b === 254))
}
