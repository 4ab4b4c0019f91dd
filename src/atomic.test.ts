import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  cleanTemporaries,
  makeDirectory,
  temporaryName,
  toStorageError,
  writeDirectoryAtomic,
  writeFileAtomic,
} from './atomic.js'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-atomic-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const noSpace = () =>
  Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
/** No process has this id: it is beyond what any system gives out. */
const DEAD_PID = 2 ** 30

describe('makeDirectory', () => {
  it('makes what is missing, and is content with what is there', async () => {
    const path = join(dir, 'a', 'b', 'c')
    await Promise.all([makeDirectory(path), makeDirectory(path)])
    await makeDirectory(path)
    expect(await readdir(join(dir, 'a', 'b'))).toEqual(['c'])
  })

  it('says so where there can be no folder', async () => {
    await writeFile(join(dir, 'file'), '')
    await expect(makeDirectory(join(dir, 'file', 'a'))).rejects.toMatchObject({ name: 'StorageError' })
    await expect(makeDirectory(join(dir, 'file'))).rejects.toMatchObject({ code: 'storage-exists' })
  })

  it.runIf(process.platform === 'linux')('returns from a file system that takes no folders', async () => {
    await expect(makeDirectory('/proc/athanor/run')).rejects.toMatchObject({ name: 'StorageError' })
  })
})

describe('writeFileAtomic', () => {
  it('writes text, bytes and streams, over an old file too', async () => {
    const path = join(dir, 'a.txt')
    await writeFileAtomic(path, 'one')
    await writeFileAtomic(path, new TextEncoder().encode('two'))
    expect(await readFile(path, 'utf8')).toBe('two')
    await writeFileAtomic(path, async (handle) => {
      await handle.write('th')
      await handle.write('ree')
    })
    expect(await readFile(path, 'utf8')).toBe('three')
    expect(await readdir(dir)).toEqual(['a.txt'])
  })

  it('keeps the old file and no temporary when the disk fills up half way', async () => {
    const path = join(dir, 'a.txt')
    await writeFileAtomic(path, 'old')
    const write = writeFileAtomic(path, async (handle) => {
      await handle.write('half of the ne')
      throw noSpace()
    })
    await expect(write).rejects.toMatchObject({
      name: 'StorageError',
      code: 'storage-full',
      reason: 'full',
      path,
      message: expect.stringMatching(/disk is full; free some space/),
    })
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(dir)).toEqual(['a.txt'])
  })

  it("passes on an error that is not the file system's", async () => {
    const write = writeFileAtomic(join(dir, 'a'), async () => {
      throw new TypeError('bug')
    })
    await expect(write).rejects.toThrow(TypeError)
    expect(await readdir(dir)).toEqual([])
  })

  it('says when the path is a folder, its folder is missing, or is a file', async () => {
    await mkdir(join(dir, 'folder'))
    await writeFile(join(dir, 'file'), '')
    await expect(writeFileAtomic(join(dir, 'folder'), 'x')).rejects.toMatchObject({
      reason: expect.stringMatching(/is-a-directory|exists|denied/),
    })
    await expect(writeFileAtomic(join(dir, 'none', 'x'), 'x')).rejects.toMatchObject({ reason: 'not-found' })
    await expect(writeFileAtomic(join(dir, 'file', 'x'), 'x')).rejects.toMatchObject({
      reason: 'not-a-directory',
    })
    expect((await readdir(dir)).sort()).toEqual(['file', 'folder'])
  })

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'says when it may not write',
    async () => {
      await chmod(dir, 0o500)
      await expect(writeFileAtomic(join(dir, 'x'), 'x')).rejects.toMatchObject({ reason: 'denied' })
      await chmod(dir, 0o700)
    },
  )

  it('explains read-only disks and codes it does not know', () => {
    const error = (code: string) =>
      toStorageError(Object.assign(new Error(), { code, syscall: 'open' }), 'write', '/x')
    expect(error('EROFS')).toMatchObject({ reason: 'read-only' })
    expect(error('EIO')).toMatchObject({
      reason: 'failed',
      message: 'cannot write /x: the file system reported an error (EIO)',
    })
  })
})

describe('writeDirectoryAtomic', () => {
  const fill = (text: string) => async (folder: string) => {
    await mkdir(join(folder, 'deep'))
    await writeFile(join(folder, 'deep', 'a'), text)
  }

  it('writes a folder whole, and replaces an old one', async () => {
    const path = join(dir, 'step')
    await writeDirectoryAtomic(path, fill('one'))
    await writeFile(join(path, 'stale'), '')
    await writeDirectoryAtomic(path, fill('two'))
    expect(await readFile(join(path, 'deep', 'a'), 'utf8')).toBe('two')
    expect(await readdir(path)).toEqual(['deep'])
    expect(await readdir(dir)).toEqual(['step'])
  })

  it('leaves the old folder alone when filling fails', async () => {
    const path = join(dir, 'step')
    await writeDirectoryAtomic(path, fill('old'))
    const write = writeDirectoryAtomic(path, async (folder) => {
      await fill('new')(folder)
      throw noSpace()
    })
    await expect(write).rejects.toMatchObject({ reason: 'full' })
    expect(await readFile(join(path, 'deep', 'a'), 'utf8')).toBe('old')
    expect(await readdir(dir)).toEqual(['step'])
  })

  it('does not replace a file', async () => {
    await writeFile(join(dir, 'step'), 'precious')
    await expect(writeDirectoryAtomic(join(dir, 'step'), fill('x'))).rejects.toMatchObject({
      reason: 'exists',
    })
    expect(await readFile(join(dir, 'step'), 'utf8')).toBe('precious')
  })
})

describe('cleanTemporaries', () => {
  it('removes what dead processes left, and nothing else', async () => {
    const dead = temporaryName(join(dir, 'model'), 'tmp').replace(`-${process.pid}-`, `-${DEAD_PID}-`)
    const alive = temporaryName(join(dir, 'model'), 'tmp')
    await mkdir(dead)
    await writeFile(alive, '')
    await writeFile(join(dir, '.hidden.tmp-file'), '')
    await cleanTemporaries(dir)
    expect((await readdir(dir)).length).toBe(2)
    await cleanTemporaries(dir, { all: true })
    expect(await readdir(dir)).toEqual(['.hidden.tmp-file'])
  })

  it('puts back a folder whose replacement never arrived', async () => {
    const path = join(dir, 'step')
    await mkdir(path)
    await writeFile(join(path, 'a'), 'old')
    await rename(path, temporaryName(path, 'old'))
    await cleanTemporaries(dir, { all: true })
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('old')
  })
})
