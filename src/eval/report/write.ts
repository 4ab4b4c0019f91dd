/** Reports on disk: `report.json`, `report.md`, `report.html`. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, makeDirectory, toStorageError, writeFileAtomic } from '../../atomic.js'
import { collectReport } from './collect.js'
import { ReportError } from './errors.js'
import { renderHtml } from './html.js'
import { renderMarkdown } from './markdown.js'
import { parseReport, type ReportData, type ReportInput } from './schema.js'

export interface WrittenReport {
  readonly report: ReportData
  readonly files: { readonly markdown: string; readonly html: string; readonly json: string }
}

/**
 * Writes a report in its three forms, each file whole or not at all; the data comes last, so that it never tells of pages that
 * are not there. The folder is made where it is missing.
 * @throws ReportError where the data is not a report, StorageError
 */
export async function writeReport(dir: string, input: ReportInput): Promise<WrittenReport> {
  const report = parseReport(input)
  await makeDirectory(dir)
  const files = {
    markdown: join(dir, 'report.md'),
    html: join(dir, 'report.html'),
    json: join(dir, 'report.json'),
  }
  await writeFileAtomic(files.markdown, renderMarkdown(report))
  await writeFileAtomic(files.html, renderHtml(report))
  await writeFileAtomic(files.json, toJson(report))
  return { report, files }
}

/**
 * Makes the report of a folder: again from its `report.json`, or out of the run, or the runs, that it holds. A report that was
 * made of runs is made of them anew.
 * @throws ReportError `report/empty`, `report/data`, `report/version`; StorageError
 */
export async function reportDirectory(dir: string): Promise<WrittenReport> {
  const saved = await readReport(dir)
  return writeReport(dir, saved && !saved.collected ? saved : await collectReport(dir))
}

/** The report in a folder's `report.json`; undefined where there is none. @throws ReportError, StorageError */
export async function readReport(dir: string): Promise<ReportData | undefined> {
  const path = join(dir, 'report.json')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw toStorageError(error, 'read', path)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const way = 'restore it, or remove it to make a report of the runs'
    throw new ReportError('report/data', `${path} is not JSON (${(error as Error).message}); ${way}`)
  }
  return parseReport(value, path)
}

/** Readable, with the points of a curve on one line each. No string of JSON holds a line end, so none is touched. */
function toJson(report: ReportData): string {
  const lines = JSON.stringify(report, null, 1)
  return `${lines.replace(/\[\n\s+([-+.\de]+),\n\s+([-+.\de]+)\n\s+\]/g, '[$1, $2]')}\n`
}
