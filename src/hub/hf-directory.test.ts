import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readModelDirectory, writeModelDirectory } from './hf-directory.js'
import { openRun } from './run-directory.js'
import { writeSafetensors } from './safetensors-file.js'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-hf-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const tensors = {
  a: { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) },
  b: { dtype: 'f32', shape: [2], data: Float32Array.of(3, 4) },
} as const

describe('model directories', () => {
  it.each([1, 2])('are read as written, over %i file(s)', async (shards) => {
    const files = await writeModelDirectory(
      dir,
      {
        config: { model_type: 'gpt2' },
        tensors,
        tokenizer: { json: '{}' },
        generationConfig: { top_k: 5 },
        extra: { 'README.md': '#' },
      },
      shards === 2 ? { maxShardBytes: 8 } : {},
    )
    expect(files.sort()).toEqual((await readdir(dir)).sort())
    const model = await readModelDirectory(dir)
    expect(model.config).toEqual({ model_type: 'gpt2' })
    expect(model.generationConfig).toEqual({ top_k: 5 })
    expect(model.tokenizerPath).toBe(join(dir, 'tokenizer.json'))
    expect(model.tokenizerConfigPath).toBeUndefined()
    expect(await model.tensors.read('b')).toEqual(tensors.b)
    await model.close()
  })

  it('say what is missing and what is there', async () => {
    await expect(readModelDirectory(dir)).rejects.toThrow(
      /config.json is missing \(it is empty\); expected config.json, model.safetensors/,
    )
    await writeFile(join(dir, 'config.json'), '{}')
    await writeFile(join(dir, 'pytorch_model.bin'), '')
    await expect(readModelDirectory(dir)).rejects.toThrow(
      /model.safetensors is missing \(it holds config.json, pytorch_model.bin\).*pickle/,
    )
    await expect(readModelDirectory(join(dir, 'none'))).rejects.toThrow(/is not a folder; check the path/)
    await expect(readModelDirectory(join(dir, 'config.json'))).rejects.toThrow(
      /is not a folder; give the folder/,
    )
  })

  it('refuse a config that is no object', async () => {
    await writeModelDirectory(dir, { config: {}, tensors })
    for (const text of ['{', '[]', 'null']) {
      await writeFile(join(dir, 'config.json'), text)
      await expect(readModelDirectory(dir)).rejects.toMatchObject({ code: 'model-directory' })
    }
  })

  it('may be a run directory, read through its newest complete checkpoint', async () => {
    const run = await openRun(dir, { mode: 'create' })
    const save = (step: number) =>
      run.saveCheckpoint(step, {
        'config.json': (path) => writeFile(path, JSON.stringify({ step })),
        'model.safetensors': (path) => writeSafetensors(path, tensors),
      })
    await save(1)
    await save(2)
    await truncate(join(dir, 'checkpoints', 'step-000002', 'model.safetensors'), 10)
    const model = await readModelDirectory(dir)
    expect(model.config).toEqual({ step: 1 })
    await model.close()
    await truncate(join(dir, 'checkpoints', 'step-000001', 'config.json'), 1)
    await expect(readModelDirectory(dir)).rejects.toThrow(
      /no checkpoint of the run .* \(step-000002: .*; step-000001: config.json has 1 bytes/,
    )
    await run.close()
  })

  it.skipIf(!process.env.ATHANOR_TEST_DATA)('opens a published model', async () => {
    const model = await readModelDirectory(join(process.env.ATHANOR_TEST_DATA!, 'stories260k'))
    expect(model.tensors.entries.size).toBeGreaterThan(10)
    await model.close()
  })
})
