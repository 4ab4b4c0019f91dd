/** What a client asks for, checked, as the arguments of a child process. No shell ever sees them. */
import { join } from 'node:path'
import type { z } from 'zod'
import { ApiError, badRequest } from '../errors.js'
import { dashed, type Stage, type StageInput } from './stages.js'
import type { Job } from './types.js'
import { plainName, type Workspace } from './workspace.js'

export interface StageRequest {
  readonly name: string
  /** Paths in the workspace by the keys of the stage's inputs. */
  readonly inputs: Readonly<Record<string, readonly string[]>>
  readonly settings: Readonly<Record<string, unknown>>
  readonly threads?: number | undefined
  readonly user?: string
}

const MAX_VALUES = 100

/** @throws ApiError 400 that names the input or setting */
export async function stageJob(stage: Stage, request: StageRequest, workspace: Workspace): Promise<Job> {
  const { name, inputs, settings, threads, user } = request
  checkName(name)
  const dir = join(workspace.roots.runs, name)
  const files = await inputFlags(stage, inputs, workspace)
  const given = checkSettings(stage, settings)
  const flags = await Promise.all(
    Object.entries(given).map(async ([key, value]) =>
      settingFlag(stage, key, await confined(stage, key, value, workspace)),
    ),
  )
  const machine = threads === undefined ? [] : [`--threads=${threads}`]
  const isSpeedrun = stage.name === 'speedrun'
  return {
    stage: stage.name,
    name,
    args: [`--out=${dir}`, ...files, ...flags.flat(), ...machine],
    resumeArgs: [...(isSpeedrun ? [`--out=${dir}`, '--resume'] : [`--resume=${dir}`]), ...machine],
    ...(isSpeedrun ? { resumeWhen: 'speedrun.json' } : {}),
    settings: given,
    inputs,
    ...(user === undefined ? {} : { user }),
  }
}

/** @throws ApiError 400 */
export function checkName(name: string): void {
  if (!plainName.test(name))
    throw badRequest(
      'the name of a run has 1 to 64 letters, digits, dots, dashes and underscores, and begins with none of the dots',
      'name',
      'invalid_name',
    )
}

async function inputFlags(
  stage: Stage,
  inputs: StageRequest['inputs'],
  workspace: Workspace,
): Promise<string[]> {
  const unknown = Object.keys(inputs).find((key) => !stage.inputs.some((each) => each.key === key))
  if (unknown !== undefined)
    throw badRequest(`${stage.name} reads no ${JSON.stringify(unknown)}`, `inputs.${unknown}`)
  const flags: string[] = []
  for (const each of stage.inputs) {
    const values = inputs[each.key] ?? []
    checkInput(stage, each, values)
    for (const [i, value] of values.entries()) {
      const param = `inputs.${each.key}[${i}]`
      const path = each.kind === 'texts' ? checkText(value, param) : await workspace.resolve(value, param)
      flags.push(`--${each.flag}=${path}`)
    }
  }
  return flags
}

function checkInput(stage: Stage, { key, required, several }: StageInput, values: readonly string[]): void {
  const param = `inputs.${key}`
  if (required && values.length === 0) throw badRequest(`${stage.name} needs ${key}`, param, 'missing')
  if (!several && values.length > 1) throw badRequest(`${key} is one path, not ${values.length}`, param)
  if (values.length > MAX_VALUES) throw badRequest(`${key} may be ${MAX_VALUES} paths at most`, param)
}

function checkText(value: string, param: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is refused
  if (value === '' || value.length > 500 || /[\u0000-\u001f]/.test(value))
    throw badRequest('a name has 1 to 500 characters on one line', param)
  return value
}

function checkSettings({ schema }: Stage, settings: StageRequest['settings']): Record<string, unknown> {
  const parsed = schema.partial().safeParse(settings)
  if (parsed.success)
    // Without the defaults: the stage knows them, and a preset may say otherwise.
    return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
  const { path, message } = parsed.error.issues[0] as z.core.$ZodIssue
  const param = ['settings', ...path.map(String)].join('.')
  throw new ApiError(400, `${param}: ${message}`, { param, code: 'invalid_value' })
}

async function confined(stage: Stage, key: string, value: unknown, workspace: Workspace): Promise<unknown> {
  const other = stage.paths?.[key]
  return other && typeof value === 'string' && !other.test(value)
    ? workspace.resolve(value, `settings.${key}`)
    : value
}

/** In one word, so that no value is taken for a flag. A switch that stays as it is has no flag. */
function settingFlag({ schema, flags }: Stage, key: string, value: unknown): string[] {
  const flag = flags?.[key] ?? dashed(key)
  if (typeof value !== 'boolean') return [`--${flag}=${String(value)}`]
  const field = schema.shape[key] as z.ZodType
  if (field.safeParse(undefined).data === value) return []
  return [value ? `--${flag}` : `--no-${flag}`]
}
