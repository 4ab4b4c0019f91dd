import type { Rng } from '../../rng.js'

const HEADS =
  'Zor Mel Kar Bal Tre Vol Nar Quel Dra Fen Gol Hes Ilo Jar Lum Mor Ost Pel Rav Sel Tor Ul Ves Wil Yar Bren Cal Dor Esk Fra'
const MIDDLES = 'va li do ne ru mi sta ko be la ti go ra ve lo na ze du'
const LAND_TAILS = 'nia ria land stan dia via thia ora mar dor esia ovia'
const CITY_TAILS = 'burg ton polis grad ville port heim mond ford stad'
const MONEY = 'dran pollo kest marl tovi zeck brill fando gorin sorn lumo vask'

function pick(rng: Rng, list: string): string {
  const all = list.split(' ')
  return all[rng.integer(all.length)]!
}

/** Names of countries and cities that do not exist, some thousand each. */
export function inventCountry(rng: Rng): string {
  return `${pick(rng, HEADS)}${pick(rng, MIDDLES)}${pick(rng, LAND_TAILS)}`
}

export function inventCity(rng: Rng): string {
  return `${pick(rng, HEADS)}${rng.integer(2) === 0 ? '' : pick(rng, MIDDLES)}${pick(rng, CITY_TAILS)}`
}

export function inventCurrency(rng: Rng): string {
  return pick(rng, MONEY)
}

/** A stable 32-bit hash (FNV-1a with a final mix), for splits that depend on a text only. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
