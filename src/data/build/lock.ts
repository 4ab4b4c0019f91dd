/** One process builds in a folder at a time. */
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, isProcessAlive, toStorageError } from '../../atomic.js'
import { BuildError } from './errors.js'

/** Takes the lock; what a dead process left is taken over. @returns a function that gives it back */
export async function lockFolder(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'build.lock')
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = await open(path, 'wx')
      await handle.writeFile(`${process.pid}\n`)
      await handle.close()
      return () => rm(path, { force: true })
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw toStorageError(error, 'lock', path)
    }
    const owner = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10)
    if (attempt >= 3 || (Number.isInteger(owner) && owner !== process.pid && isProcessAlive(owner))) {
      throw new BuildError(
        'build-locked',
        `${directory} is being built by the process ${owner}; wait for it, or choose another folder`,
      )
    }
    await rm(path, { force: true })
  }
}
