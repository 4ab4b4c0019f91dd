/** Why something was left out. `unsupported` and `empty` are not faults of the data: they do not count towards the limit. */
export type SkipCode =
  | 'malformed'
  | 'not-text'
  | 'no-text'
  | 'too-large'
  | 'unsafe'
  | 'unreadable'
  | 'refused'
  | 'unsupported'
  | 'empty'

/** A record, an entry or a file that gave no document. */
export interface Skip {
  /** The file (with the entry of an archive behind `!/`), or the address. */
  readonly file: string
  /** The place in it, such as `line 12`; empty when it is the whole file. */
  readonly where: string
  readonly reason: string
  readonly code: SkipCode
}

/** A document as a reader of one format gives it; `openSource` adds the name of the source. */
export interface RawDocument {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly position: string
  readonly url?: string
  readonly licence?: string
  readonly language?: string
}

/**
 * Readers give documents and skips in the order of the file, many at a time: a step of an asynchronous generator for each
 * document would cost more than reading it.
 */
export type Item = RawDocument | Skip

export function isSkip(item: Item): item is Skip {
  return 'reason' in item
}

/** What ends the reading of one file, but not that of the others. */
export class FileFault extends Error {
  readonly skip: Skip

  constructor(file: string, where: string, code: SkipCode, reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.skip = { file, where, code, reason }
  }
}
