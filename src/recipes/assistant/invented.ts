import type { Rng } from '../../rng.js'

/** Few and regular parts, so that a tokenizer cuts every name in the same place and a small model can copy it. */
const HEADS =
  'Zan Kor Mel Bel Tor Gal Dun Ver Lin Sam Bor Hal Ped Rav Tam Vel Nor Fer Gan Mor Sel Tan Wal Yor Zel Cal Dor Fen Gol Hes Jar ' +
  'Lum Kal Pel Lor Mar Nel Ral Sul Til Var Wen Zor Mun Bar Kul Pon Dal'
const LAND_TAILS = 'land via stan mark bia gard'
const CITY_TAILS = 'burg ville port ton ford heim'
const MONEY = 'dran pollo kest marl tovi zeck brill fando gorin sorn lumo vask'

function pick(rng: Rng, list: string): string {
  const all = list.split(' ')
  return all[rng.integer(all.length)]!
}

/** Names of countries and cities that do not exist, some hundred each. */
export function inventCountry(rng: Rng): string {
  return `${pick(rng, HEADS)}${pick(rng, LAND_TAILS)}`
}

export function inventCity(rng: Rng): string {
  return `${pick(rng, HEADS)}${pick(rng, CITY_TAILS)}`
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
