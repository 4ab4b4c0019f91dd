/** A 64-bit hash of what a text says: its units in order, without case, punctuation and white space. */
import { type Analysis, mix32 } from './analysis.js'

/** Two words. Texts without a single letter or digit are hashed as they are. */
export function fingerprint({ units, hash1, hash2, text }: Analysis): readonly [number, number] {
  let low = 0x12345678
  let high = 0x9abcdef1 | 0
  for (let i = 0; i < units; i++) {
    low = Math.imul(low ^ hash1[i]!, 0x01000193) ^ (low >>> 17)
    high = Math.imul(high + hash2[i]!, 0x85ebca6b) ^ (high >>> 13)
  }
  if (units === 0) {
    for (let i = 0; i < text.length; i++) {
      low = Math.imul(low ^ text.charCodeAt(i), 0x01000193)
      high = Math.imul(high + text.charCodeAt(i), 0x85ebca6b) ^ (high >>> 13)
    }
  }
  return [mix32(low ^ units), mix32(high + low)]
}
