/** What the studio's forms send is what the command line takes: every setting of every stage, as its flag. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Library, library } from '../src/cli/library.js'
import { run } from '../src/cli/run.js'
import { fakeIo } from '../src/cli/testing/fake-io.js'
import { speedrunPresets } from '../src/recipes/speedrun/presets.js'
import {
  createWorkspace,
  describeStage,
  SPEEDRUN_PRESETS,
  type Stage,
  stages,
} from '../src/serve/runs/index.js'
import { stageJob } from '../src/serve/runs/job.js'

interface Field {
  readonly type?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
}

/** A value that is allowed and, where that can be, not the default. */
function sample(field: Field): unknown {
  const { type, default: initial, enum: names } = field
  if (names) return names.find((name) => name !== initial) ?? names[0]
  if (type === 'boolean') return initial !== true
  if (type === 'string') return 'text'
  const low = field.minimum ?? field.exclusiveMinimum ?? 0
  if (type === 'integer') return Math.max(2, Math.ceil(low))
  const high = field.maximum ?? field.exclusiveMaximum ?? 2
  return (low + Math.min(high, 2)) / 2
}

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'athanor-forms-'))
  await mkdir(join(root, 'data'))
  await mkdir(join(root, 'runs', 'base'), { recursive: true })
  await writeFile(join(root, 'data', 'a.jsonl'), '{}\n')
})
afterAll(() => rm(root, { recursive: true }))

const workspace = () => createWorkspace({ runs: join(root, 'runs'), data: join(root, 'data') }, {} as never)

/** What the stage's function is called with. */
async function called(stage: Stage, args: readonly string[]) {
  let options: Readonly<Record<string, unknown>> | undefined
  const work = async (given: Readonly<Record<string, unknown>>) => {
    options = given
    throw new Error('called')
  }
  const io = fakeIo()
  await run([stage.name, ...args], io, { ...library, [stage.name]: work } as unknown as Library)
  expect(io.err(), args.join(' ')).toContain('called')
  return options!
}

describe.each(stages.map((stage) => [stage.name, stage] as const))('%s', (_, stage) => {
  const inputs = Object.fromEntries(
    stage.inputs
      .filter(({ key }) => key !== 'rewards')
      .map(({ key, kind }) => [key, [kind === 'files' ? 'data/a.jsonl' : 'runs/base']]),
  )
  const properties = describeStage(stage).settings.properties as Record<string, Field>

  it('takes every setting of its form as a flag', async () => {
    const settings: Record<string, unknown> = {}
    for (const [key, field] of Object.entries(properties)) {
      if (key === 'depth' || key === 'preset') continue
      settings[key] = stage.paths?.[key] ? 'char' : sample(field)
    }
    const job = await stageJob(stage, { name: 'x', inputs, settings, threads: 2 }, workspace())
    const options = await called(stage, job.args)
    expect(stage.name === 'speedrun' ? options : options.overrides).toMatchObject(settings)
    expect(options).toMatchObject({ out: join(root, 'runs', 'x'), threads: 2 })
    for (const [key, [path]] of Object.entries(inputs)) {
      const absolute = await workspace().resolve(path!)
      expect([options[key]].flat(), key).toEqual([absolute])
    }
  })
})

it('the sizes of a speedrun are those that there are', () => {
  expect([...SPEEDRUN_PRESETS]).toEqual(Object.keys(speedrunPresets))
})
