import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { absoluteInputs, checkInputs, hashInputs } from './inputs.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-inputs-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const write = async (name: string, content: string) => {
  const path = join(dir, name)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, content)
  return path
}

describe('the inputs of a stage', () => {
  it('are absolute, but for those that are no paths', () => {
    const inputs = { data: ['a.jsonl'], heldOut: undefined, rewards: ['length'] }
    expect(absoluteInputs(inputs, ['rewards'])).toEqual({
      data: [join(process.cwd(), 'a.jsonl')],
      rewards: ['length'],
    })
  })

  it('have the SHA-256 of their bytes', async () => {
    const path = await write('abc.txt', 'abc')
    // FIPS 180-2, appendix B.1.
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(await hashInputs({ data: [path], rewards: ['length'] }, { asGiven: ['rewards'] })).toEqual({
      [path]: abc,
    })
  })

  it('of a folder are all of its files, of a model only what makes the model', async () => {
    await write('texts/a.txt', 'a')
    await write('texts/deeper/b.txt', 'b')
    await write('model/config.json', '{}')
    await write('model/model.safetensors', 'weights')
    const inputs = { data: [join(dir, 'texts')], rewardModel: [join(dir, 'model')] }
    const before = await hashInputs(inputs)
    await write('model/metrics.jsonl', '{}')
    await write('texts/.lock', '1')
    expect(await hashInputs(inputs)).toEqual(before)

    await write('model/model.safetensors', 'others')
    expect(() => checkInputs('run', inputs, before, { ...before, [inputs.rewardModel[0]!]: 'x' })).toThrow(
      /the reward model in .*model is no longer what run was started with/,
    )
    await write('texts/deeper/b.txt', 'c')
    const after = await hashInputs(inputs)
    expect(after[inputs.data[0]!]).not.toBe(before[inputs.data[0]!])
    expect(after[inputs.rewardModel[0]!]).not.toBe(before[inputs.rewardModel[0]!])
  })

  it('that are not there are told of only where a run began with them', async () => {
    const path = await write('gone.jsonl', '{}')
    const inputs = { heldOut: [path] }
    const before = await hashInputs(inputs)
    await rm(path)
    const now = await hashInputs(inputs)
    expect(now).toEqual({})
    expect(() => checkInputs('run', inputs, {}, now)).not.toThrow()
    expect(() => checkInputs('run', inputs, before, now)).toThrow(/the held-out data in .*is no longer there/)
  })
})
