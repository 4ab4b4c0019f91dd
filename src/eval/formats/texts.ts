import { type Document, readTextFiles } from '../../data/index.js'
import type { Loaded, LoadOptions } from '../task.js'

/** Documents of text files, JSON Lines and folders as examples. @throws DataError */
export async function loadTexts({ data, signal }: LoadOptions): Promise<Loaded<Document>> {
  const examples: Document[] = []
  for await (const document of readTextFiles(data, signal ? { signal } : {}))
    if (document.text.trim() !== '') examples.push(document)
  return { examples, skipped: [] }
}
