/**
 * What the Factbook does not say in a form of its own: the name in everyday English, whether it takes an article, other names,
 * and facts whose entry is a story instead of a value. Keys are the Factbook's (FIPS 10-4) codes, without their region.
 */
export interface CountryNote {
  readonly name?: string
  readonly aliases?: readonly string[]
  readonly continent?: readonly string[]
  /** The name of the capital, then others that count as right; none to leave the fact out. */
  readonly capital?: readonly string[]
  readonly currency?: readonly string[]
  readonly language?: readonly string[]
  /** Countries with a common land border; empty for none. */
  readonly neighbours?: readonly string[]
  readonly internet?: string
}

/** Countries that are called "the ...". */
export const WITH_ARTICLE: ReadonlySet<string> = new Set(
  'ae bf bp cf cg cn ct dr ez fm ga mv nl rm rp uk us'.split(' '),
)

/** Profiles with a capital and a date of independence that are no countries of their own. */
export const NOT_COUNTRIES: ReadonlySet<string> = new Set(['ax', 'dx', 'ee', 'ne'])

/** Countries whose profile gives no date of independence. */
export const ALSO_COUNTRIES: ReadonlySet<string> = new Set(['tw'])

export const CONTINENTS: Readonly<Record<string, string>> = {
  africa: 'Africa',
  'australia-oceania': 'Oceania',
  'central-america-n-caribbean': 'North America',
  'central-asia': 'Asia',
  'east-n-southeast-asia': 'Asia',
  europe: 'Europe',
  'middle-east': 'Asia',
  'north-america': 'North America',
  'south-america': 'South America',
  'south-asia': 'Asia',
}

export const NOTES: Readonly<Record<string, CountryNote>> = {
  ae: { aliases: ['UAE', 'Emirates'] },
  aj: { continent: ['Asia', 'Europe'] },
  am: { continent: ['Asia', 'Europe'] },
  af: { language: ['Dari', 'Pashto', 'Persian'] },
  as: { language: ['English'] },
  au: { language: ['German'] },
  be: { language: ['Dutch', 'French', 'German'] },
  bc: { language: ['English', 'Setswana', 'Tswana'] },
  bf: { name: 'Bahamas' },
  bg: { language: ['Bengali', 'Bangla'] },
  bk: { currency: ['convertible mark', 'mark'] },
  bl: { capital: ['La Paz', 'Sucre'] },
  bm: { aliases: ['Myanmar'], capital: [] },
  bo: { language: ['Russian', 'Belarusian'] },
  bt: { language: ['Dzongkha'] },
  ce: { capital: ['Colombo', 'Sri Jayewardenepura Kotte', 'Kotte'] },
  cf: { aliases: ['Congo-Brazzaville'] },
  cg: { aliases: ['DRC', 'DR Congo', 'Congo-Kinshasa'] },
  ch: {
    currency: ['yuan', 'renminbi', 'Chinese yuan'],
    language: ['Mandarin Chinese', 'Mandarin', 'Chinese', 'Standard Chinese'],
  },
  cm: { currency: ['CFA franc', 'franc'], language: ['French', 'English'] },
  cn: { aliases: ['Comoro Islands'] },
  cu: { neighbours: [] },
  cv: { aliases: ['Cape Verde'] },
  cy: { continent: ['Europe', 'Asia'], neighbours: [] },
  da: { language: ['Danish'] },
  dr: { name: 'Dominican Republic' },
  en: { currency: ['euro'] },
  es: { currency: ['US dollar', 'dollar'] },
  et: { language: ['Amharic', 'Oromo'] },
  ez: { aliases: ['Czechia'] },
  fr: {
    neighbours: ['Andorra', 'Belgium', 'Germany', 'Italy', 'Luxembourg', 'Monaco', 'Spain', 'Switzerland'],
    internet: '.fr',
  },
  fm: { name: 'Federated States of Micronesia', aliases: ['Micronesia'] },
  ga: { name: 'Gambia' },
  gg: { continent: ['Asia', 'Europe'] },
  gh: { language: ['English'] },
  ic: { language: ['Icelandic'] },
  id: { language: ['Indonesian', 'Bahasa Indonesia'] },
  in: { language: ['Hindi', 'English'] },
  is: { capital: [], currency: ['new shekel', 'shekel', 'Israeli shekel', 'new Israeli shekel'] },
  it: { neighbours: ['Austria', 'France', 'Vatican City', 'San Marino', 'Slovenia', 'Switzerland'] },
  iv: { aliases: ['Ivory Coast'] },
  ja: { currency: ['yen', 'Japanese yen'], language: ['Japanese'] },
  jm: { language: ['English'] },
  ke: { language: ['English', 'Swahili', 'Kiswahili'] },
  kn: { language: ['Korean'] },
  ks: { language: ['Korean'] },
  ku: { currency: ['Kuwaiti dinar', 'dinar'] },
  kv: { internet: '' },
  kz: { continent: ['Asia', 'Europe'] },
  lg: { currency: ['euro'] },
  lh: { currency: ['euro'] },
  lt: { language: ['Sesotho', 'English'] },
  lu: { language: ['Luxembourgish', 'French', 'German'] },
  md: { language: ['Moldovan', 'Romanian'] },
  mg: { currency: ['togrog', 'tugrik'], language: ['Mongolian', 'Khalkha Mongol'] },
  mj: { language: ['Montenegrin', 'Serbian'] },
  mk: { aliases: ['North Macedonia'] },
  mo: { neighbours: ['Algeria', 'Spain'] },
  mp: { language: ['English'] },
  mx: { language: ['Spanish'] },
  my: { language: ['Malay', 'Bahasa Malaysia'] },
  mz: { language: ['Portuguese'] },
  nh: { language: ['Bislama', 'English', 'French'] },
  nl: { aliases: ['Holland'] },
  no: { language: ['Norwegian', 'Bokmal', 'Nynorsk'] },
  od: { language: ['English'] },
  pe: { currency: ['sol', 'nuevo sol', 'Peruvian sol'] },
  pk: { language: ['Urdu', 'English'] },
  pm: { currency: ['balboa', 'US dollar'] },
  po: { language: ['Portuguese'] },
  pp: { continent: ['Oceania'], language: ['English', 'Tok Pisin', 'Hiri Motu'] },
  rp: { language: ['Filipino', 'English', 'Tagalog'] },
  rs: { continent: ['Europe', 'Asia'], internet: '.ru' },
  rw: { language: ['Kinyarwanda', 'English', 'French'] },
  sc: { aliases: ['St. Kitts and Nevis'] },
  sf: {
    capital: ['Pretoria', 'Cape Town', 'Bloemfontein'],
    language: ['Zulu', 'IsiZulu', 'Xhosa', 'IsiXhosa', 'Afrikaans', 'English'],
  },
  si: { language: ['Slovenian', 'Slovene'] },
  sm: { language: ['Italian'] },
  sn: { language: ['English', 'Mandarin', 'Malay', 'Tamil'] },
  sp: {
    language: ['Spanish', 'Castilian Spanish', 'Castilian'],
    neighbours: ['Andorra', 'France', 'Morocco', 'Portugal'],
  },
  td: { capital: ['Port of Spain'] },
  th: { currency: ['baht', 'Thai baht'] },
  tt: { aliases: ['East Timor'] },
  tu: { continent: ['Asia', 'Europe'] },
  tv: { currency: ['Australian dollar', 'Tuvaluan dollar'] },
  tw: { language: ['Mandarin Chinese', 'Mandarin', 'Chinese'] },
  tz: { language: ['Swahili', 'Kiswahili', 'English'] },
  uk: { aliases: ['UK', 'Britain', 'Great Britain'], language: ['English'] },
  us: {
    aliases: ['USA', 'US', 'U.S.', 'United States of America'],
    capital: ['Washington', 'Washington, DC', 'Washington, D.C.', 'Washington DC'],
    currency: ['US dollar', 'dollar'],
    language: ['English'],
  },
  uv: { language: ['French'] },
  uy: { language: ['Spanish'] },
  vc: { language: ['English'] },
  vt: { name: 'Vatican City', aliases: ['Holy See'], capital: [], language: ['Italian', 'Latin'] },
  wa: { language: ['English'] },
  wz: {
    aliases: ['Eswatini'],
    currency: ['lilangeni', 'emalangeni'],
    language: ['English', 'siSwati', 'Swazi'],
  },
  za: { language: ['English'] },
  zi: { currency: [], language: ['English', 'Shona', 'Ndebele'] },
}

/** Units of money in the singular, where the Factbook's plural does not just add an s. */
export const SINGULAR: Readonly<Record<string, string>> = {
  colones: 'colon',
  emalangeni: 'lilangeni',
  koruny: 'koruna',
  kroner: 'krone',
  kronor: 'krona',
  kronur: 'krona',
  lei: 'leu',
  leke: 'lek',
  leva: 'lev',
  maloti: 'loti',
  meticais: 'metical',
  quetzales: 'quetzal',
  zlotych: 'zloty',
  afghanis: 'afghani',
}
