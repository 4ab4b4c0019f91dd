/** The data card for people. */
import type { Volume } from '../clean/counts.js'
import type { DataCard } from './card.js'

export function cardMarkdown(card: DataCard): string {
  const { sources, stages, kept, train, heldOut, languages, corpus, config } = card
  const read = sources.reduce((total, { read: { documents } }) => total + documents, 0)
  const readBytes = sources.reduce((total, source) => total + source.read.bytes, 0)
  const blocks = [
    '# Data card',
    `${number(read)} documents (${megabytes(readBytes)}) were read and ${number(kept.documents)} (${megabytes(kept.bytes)}) kept. ` +
      `Settings ${card.configHash.slice(0, 12)}, seed ${config.seed}.`,
    '## Sources',
    table(
      [
        'source',
        'licence',
        'read',
        'bytes',
        'characters',
        'kept',
        'bytes',
        'passes',
        'broken records',
        'SHA-256 of what was read',
      ],
      sources.map((s) => [
        cell(s.name),
        cell(licences(s)),
        number(s.read.documents),
        number(s.read.bytes),
        number(s.read.characters),
        number(s.kept.documents),
        number(s.kept.bytes),
        decimal(s.passes),
        number(s.skipped),
        s.digest.slice(0, 16),
      ]),
    ),
    ...sources.flatMap(({ name, skips }) =>
      skips.length === 0
        ? []
        : [`Left out of ${cell(name)}, for example:\n\n${skips.map((skip) => `- ${cell(skip)}`).join('\n')}`],
    ),
    '## Stages',
    table(
      [
        'stage',
        'documents in',
        'bytes in',
        'characters in',
        'documents out',
        'bytes out',
        'characters out',
        'changed',
        'dropped',
      ],
      stages.map((s) => [
        s.stage,
        ...volume(s.in),
        ...volume(s.out),
        number(s.changed),
        number(Object.values(s.dropped).reduce((total, { documents }) => total + documents, 0)),
      ]),
    ),
    '## Reasons',
    table(
      ['stage', 'reason', 'documents', ''],
      stages.flatMap((s) => [
        ...sorted(s.dropped).map(([reason, r]) => [
          s.stage,
          reason,
          number(r.documents),
          `dropped, ${number(r.amount)} bytes`,
        ]),
        ...sorted(s.changes).map(([reason, r]) => [
          s.stage,
          reason,
          number(r.documents),
          `changed, ${number(r.amount)} places`,
        ]),
      ]),
    ),
    '## Languages',
    table(
      ['language', 'documents', 'bytes', 'characters'],
      Object.entries(languages).map(([language, v]) => [language, ...volume(v)]),
    ),
    '## Mixture',
    table(
      ['', 'documents', 'bytes', 'characters', 'tokens'],
      [
        ['training', ...volume(train), corpus ? number(corpus.trainTokens) : ''],
        ['held out', ...volume(heldOut), corpus ? number(corpus.heldOutTokens) : ''],
      ],
    ),
    ...(corpus ? [`Tokenizer: \`${config.tokenizer}\`, ${number(corpus.vocabSize)} tokens.`] : []),
    '## Examples',
    examples(card),
    '## Files',
    table(
      ['file', 'SHA-256'],
      [
        ...card.documents.map(({ file, sha256 }) => [file, sha256]),
        ...card.tokens.map(({ file, sha256 }) => [`${file} (ids)`, sha256]),
      ],
    ),
    '## Settings',
    `\`\`\`json\n${JSON.stringify(config, null, 2)}\n\`\`\``,
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function examples({ samples }: DataCard): string {
  if (samples.length === 0) return 'Nothing was dropped or changed.'
  return samples
    .map(({ stage, reason, action, source, id, detail, excerpt }) => {
      const head = `- **${stage}: ${reason}** (${action}) ${cell(source)}, ${cell(id)}: ${cell(detail)}`
      return excerpt === '' ? head : `${head}\n  \`${excerpt.replace(/[`\n\r]+/g, ' ').trim()}\``
    })
    .join('\n')
}

function licences({ licence, licences: stated }: DataCard['sources'][number]): string {
  const names = Object.keys(stated).sort()
  if (names.length === 0) return licence ?? 'not stated'
  return names.map((name) => `${name} (${number(stated[name]!)})`).join(', ')
}

function sorted<V extends { readonly documents: number }>(
  record: Readonly<Record<string, V>>,
): [string, V][] {
  return Object.entries(record).sort(([a, x], [b, y]) => y.documents - x.documents || (a < b ? -1 : 1))
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return 'None.'
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

const volume = ({ documents, bytes, characters }: Volume) => [
  number(documents),
  number(bytes),
  number(characters),
]
const number = (value: number) => String(value).replace(/\B(?=(\d{3})+$)/g, ',')
const decimal = (value: number) => String(Math.round(1000 * value) / 1000)
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`
/** Text from outside in a table or a list: nothing in it can end the line or the cell. */
const cell = (text: string) => text.replace(/[\r\n]+/g, ' ').replace(/[|`<>]/g, (char) => `\\${char}`)
