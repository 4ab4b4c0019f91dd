import { randomBytes } from 'node:crypto'

export const ID_PREFIXES = [
  'conv',
  'msg',
  'fb',
  'cmp',
  'task',
  'judge',
  'key',
  'audit',
  'run',
  'mev',
  'doc',
  'pas',
  'round',
] as const
export type IdPrefix = (typeof ID_PREFIXES)[number]

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * `msg_01k…`: the time in milliseconds (10 characters, Crockford's base 32, as ULID writes it) and 80 random bits, so that ids sort by
 * when they were made and cannot be guessed.
 */
export function newId(prefix: IdPrefix, now: number = Date.now()): string {
  let time = ''
  for (let rest = Math.floor(now), i = 0; i < 10; i++, rest = Math.floor(rest / 32))
    time = ALPHABET[rest % 32] + time
  const random = Array.from(randomBytes(16), (byte) => ALPHABET[byte % 32]).join('')
  return `${prefix}_${time}${random}`
}
