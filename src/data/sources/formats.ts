import { extname } from 'node:path'
import type { Format } from './spec.js'

const BY_EXTENSION: Readonly<Record<string, Format>> = {
  '.txt': 'text',
  '.text': 'text',
  '.md': 'text',
  '.markdown': 'text',
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'html',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.parquet': 'parquet',
  '.warc': 'warc',
  '.wet': 'warc',
  '.zip': 'zip',
  '.tar': 'tar',
  '.tgz': 'gzip',
  '.gz': 'gzip',
}

export const EXTENSIONS: readonly string[] = Object.keys(BY_EXTENSION)

export function formatOf(name: string): Format | undefined {
  return BY_EXTENSION[extname(name).toLowerCase()]
}

/** `notes.txt` for `notes.txt.gz`, `corpus.tar` for `corpus.tgz`. */
export function unpackedName(name: string): string {
  return name.replace(/\.tgz$/i, '.tar').replace(/\.gz$/i, '')
}

/** How many bytes `sniff` wants. */
export const SNIFF_BYTES = 512

/** What a file is by its first bytes; undefined when they could be anything, such as plain text. */
export function sniff(head: Buffer): Format | undefined {
  const text = head.toString('latin1')
  if (text.startsWith('\x1f\x8b')) return 'gzip'
  if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06')) return 'zip'
  if (text.startsWith('PAR1')) return 'parquet'
  if (text.startsWith('WARC/')) return 'warc'
  if (text.slice(257, 262) === 'ustar') return 'tar'
  return /^(\xef\xbb\xbf)?\s*<(!doctype html|html)[\s>]/i.test(text) ? 'html' : undefined
}

/** Whether a name within an archive leads out of it, or into places that no archive should name. */
export function climbsOut(name: string): boolean {
  return /^([/\\]|[A-Za-z]:)/.test(name) || name.split(/[/\\]/).includes('..') || name.includes('\0')
}

/** Hidden, or what macOS adds to archives. */
export function isHidden(name: string): boolean {
  return name.split('/').some((part) => (part.startsWith('.') && part !== '.') || part === '__MACOSX')
}
