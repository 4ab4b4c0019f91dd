/** Check digits, by which a number of a kind is told from any other number. */

/** Luhn, ISO/IEC 7812-1 annex B. @param digits digits only */
export function isLuhn(digits: string): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48
    const doubled = i % 2 === 1 ? 2 * digit : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

const RESIDENT_WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
const RESIDENT_CHECK = '10X98765432'

/** Chinese resident identity numbers, GB 11643-1999: a region, a date of birth, and a check digit by ISO 7064 mod 11-2. */
export function isResidentId(number: string): boolean {
  if (!/^[1-9]\d{16}[\dXx]$/.test(number)) return false
  const [year, month, day] = [number.slice(6, 10), number.slice(10, 12), number.slice(12, 14)].map(Number)
  const born = new Date(Date.UTC(year!, month! - 1, day!))
  if (year! < 1850 || year! > 2100 || born.getUTCMonth() !== month! - 1 || born.getUTCDate() !== day!)
    return false
  const sum = RESIDENT_WEIGHTS.reduce((total, weight, i) => total + weight * Number(number[i]), 0)
  return RESIDENT_CHECK[sum % 11] === number[17]!.toUpperCase()
}

/** Lengths of international bank account numbers by country (SWIFT's registry). */
const IBAN_LENGTHS: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 ' +
    'FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 ' +
    'LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 ' +
    'SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

/** ISO 13616: known country, its length, and mod 97 is 1. @param account without spaces, in capitals */
export function isIban(account: string): boolean {
  if (IBAN_LENGTHS[account.slice(0, 2)] !== account.length || !/^[A-Z]{2}\d{2}[A-Z0-9]+$/.test(account))
    return false
  let remainder = 0
  for (const char of account.slice(4) + account.slice(0, 4)) {
    const value = Number.parseInt(char, 36)
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
  }
  return remainder === 1
}

/** How long the account at the start of `text` (capitals and digits) must be, or undefined where no country has its code. */
export function ibanLength(text: string): number | undefined {
  return IBAN_LENGTHS[text.slice(0, 2)]
}
