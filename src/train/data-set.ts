/** Folders that `athanor data build` has made: what is in them is taken as it is. */
import { copyFile, link, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory, toStorageError } from '../atomic.js'
import { type Corpus, openCorpus } from './corpus.js'
import { TrainError } from './errors.js'

/** Whether a path is the folder of a data set, rather than one of a user's texts. */
export async function isDataSet(path: string): Promise<boolean> {
  const find = (name: string) => stat(join(path, name)).catch(() => undefined)
  const [documents, card] = await Promise.all([find('documents'), find('data-card.json')])
  return documents?.isDirectory() === true && card?.isFile() === true
}

/** What a run needs of a data set, in `dir`: the run does not depend on the data set afterwards. Linked where the disk has links. */
export async function adoptDataSet(dataSet: string, dir: string): Promise<Corpus> {
  const { heldOutBytes } = JSON.parse(await readFile(join(dataSet, 'corpus.json'), 'utf8')) as {
    heldOutBytes: number
  }
  try {
    for (const folder of ['.', 'train', 'heldout']) {
      await makeDirectory(join(dir, folder))
      for (const name of await readdir(join(dataSet, folder))) {
        if (folder === '.' && !['tokenizer.json', 'tokenizer_config.json', 'corpus.json'].includes(name))
          continue
        const [from, to] = [join(dataSet, folder, name), join(dir, folder, name)]
        await link(from, to).catch(() => copyFile(from, to))
      }
    }
  } catch (error) {
    throw toStorageError(error, 'copy', dataSet)
  }
  return openCorpus(dir, heldOutBytes)
}

/** The data set that is all of a run's data and has tokens, or undefined. */
export async function onlyDataSet(data: readonly string[] | undefined): Promise<string | undefined> {
  const [path, second] = data ?? []
  if (path === undefined || second !== undefined || !(await isDataSet(path))) return undefined
  return (await stat(join(path, 'corpus.json')).catch(() => undefined)) ? path : undefined
}

/** Paths of texts, with the documents of a data set in its place: its card is not a text to learn from. */
export async function documentPaths(data: readonly string[]): Promise<string[]> {
  return Promise.all(
    data.map(async (path) => {
      if (!(await isDataSet(path))) return path
      const documents = join(path, 'documents')
      if ((await readdir(documents)).some((name) => name.endsWith('.gz')))
        throw new TrainError(
          'data',
          `the documents of ${path} are compressed; train on its tokens (no other --tokenizer or --held-out), or build it without --compress`,
        )
      return documents
    }),
  )
}
