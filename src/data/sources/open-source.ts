import { DataError } from '../document.js'
import { readCrawl } from './crawl/crawl.js'
import { readFiles } from './files.js'
import { readHuggingFace } from './hugging-face.js'
import { type Item, isSkip, type Skip } from './item.js'
import { type ParsedSource, parseSource, type SourceDocument, type SourceSpec } from './spec.js'

export interface OpenSourceOptions {
  /** The `position` of the last document that is already done with. */
  readonly after?: string
  readonly signal?: AbortSignal
  /**
   * Told of all that gives no document, in order: a skip that stands between two documents comes before the second is given.
   * Whoever goes on with `after` is told of none that came before that document.
   */
  readonly onSkip?: (skip: Skip) => void
  /** More faults than this end the reading; what is of an unknown kind or empty is no fault. */
  readonly maxSkipped?: number
}

/**
 * The documents of a source, one after the other, with bounded memory: files, folders and archives; the pages of a crawl; a
 * data set on the Hugging Face hub. The same input gives the same documents in the same order. What is broken is skipped and
 * told to `onSkip`.
 *
 * @throws DataError when the source is not well described, is missing, gives nothing at all, or has more than `maxSkipped` faults
 */
export async function* openSource(
  spec: SourceSpec,
  options: OpenSourceOptions = {},
): AsyncGenerator<SourceDocument> {
  const { onSkip, maxSkipped = 1000 } = options
  const source = parseSource(spec)
  const { licence, language } = source.spec
  let found = options.after !== undefined
  let faults = 0
  let firstSkip: Skip | undefined
  for await (const items of read(source, options)) {
    for (const item of items) {
      if (!isSkip(item)) {
        found = true
        yield {
          id: item.id,
          title: item.title,
          text: item.text,
          source: source.name,
          position: item.position,
          ...(item.url !== undefined && { url: item.url }),
          ...((item.licence ?? licence) !== undefined && { licence: item.licence ?? licence }),
          ...((item.language ?? language) !== undefined && { language: item.language ?? language }),
        }
        continue
      }
      onSkip?.(item)
      firstSkip ??= item
      if (item.code !== 'unsupported' && item.code !== 'empty' && ++faults > maxSkipped) {
        throw new DataError(
          'data-malformed',
          `${source.name}: more than ${maxSkipped} faults, the last in ${describeSkip(item)}; look at the source, or raise maxSkipped`,
        )
      }
    }
  }
  if (found) return
  const why = firstSkip ? `; the first that was skipped: ${describeSkip(firstSkip)}` : ''
  throw new DataError('data-empty', `${source.name} gave no document${why}`)
}

/** `corpus/a.jsonl, line 7: not valid JSON` */
export function describeSkip({ file, where, reason }: Skip): string {
  return `${file}${where && `, ${where}`}: ${reason}`
}

function read(source: ParsedSource, options: OpenSourceOptions): AsyncGenerator<Item[]> {
  switch (source.kind) {
    case 'files':
      return readFiles(source.spec, options)
    case 'crawl':
      return readCrawl(source.spec, options)
    case 'huggingFace':
      return readHuggingFace(source.spec, options)
  }
}
