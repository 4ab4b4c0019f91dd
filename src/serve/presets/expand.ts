/** Presets by name: those of the database over the built-in ones; their templates filled. */
import type { Preset, PresetParameter, Store } from '../../store/index.js'
import type { ChatMessage } from '../../text/index.js'
import type { ExpandedPreset, PresetExpander } from '../context.js'
import { badRequest, notFound } from '../errors.js'
import { BUILT_IN, type BuiltIn } from './built-in.js'
import { fillTemplate, MESSAGE, placesOf } from './template.js'

/** A preset as it is used: with where it comes from. */
export interface NamedPreset extends BuiltIn {
  readonly builtIn: boolean
  /** A built-in one that was changed: removing it brings the original back. */
  readonly changed: boolean
  readonly updated?: number
}

/** By name. */
export async function listPresets(store: Store): Promise<NamedPreset[]> {
  const named = new Map<string, NamedPreset>()
  for (const [name, preset] of BUILT_IN) named.set(name, { ...preset, builtIn: true, changed: false })
  for (const preset of await store.presets.list()) named.set(preset.name, ofStore(preset))
  return [...named.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** @throws ApiError 404 */
export async function findPreset(store: Store, name: string): Promise<NamedPreset> {
  const stored = await store.presets.find(name)
  if (stored) return ofStore(stored)
  const builtIn = BUILT_IN.get(name)
  if (builtIn) return { ...builtIn, builtIn: true, changed: false }
  throw notFound(
    `there is no preset ${JSON.stringify(name.slice(0, 100))}; GET /api/presets lists them`,
    'preset',
    'preset_not_found',
  )
}

function ofStore(preset: Preset): NamedPreset {
  const builtIn = BUILT_IN.has(preset.name)
  return { ...preset, builtIn, changed: builtIn }
}

export function createPresets(store: Store): PresetExpander {
  return { expand: (name, parameters, messages) => expandPreset(store, name, parameters, messages) }
}

/** Longest value of a parameter, in characters. */
const MAX_VALUE = 200_000

export const LOCALES = ['en', 'zh'] as const
export type Locale = (typeof LOCALES)[number]

/**
 * The messages of a request with the preset put in: the last message of the user takes its place in the template (or follows it), and the
 * preset's system text stands in front. The parameter `locale` ('en', 'zh') chooses the language of the template; without it the message
 * does: where it has Chinese characters and the template exists in Chinese, that one.
 *
 * @throws ApiError 404 where it does not exist, 400 naming a parameter that is missing, unknown or wrong
 */
export async function expandPreset(
  store: Store,
  name: string,
  parameters: Readonly<Record<string, unknown>>,
  messages: readonly ChatMessage[] = [],
): Promise<ExpandedPreset> {
  const preset = await findPreset(store, name)
  const at = messages.findLastIndex(({ role }) => role === 'user')
  const message = messages[at]?.content ?? ''
  const { locale: wanted, ...given } = parameters
  const texts = textsOf(preset, localeOf(wanted, [message, ...Object.values(given)]))
  const values = valuesOf(preset, texts, given)
  values.set(MESSAGE, message)
  const filled = fillTemplate(texts.template, values).trim()
  const content = placesOf(texts.template).includes(MESSAGE)
    ? filled
    : [filled, message].filter((text) => text !== '').join('\n\n')
  const asked: ChatMessage = { ...messages[at], role: 'user', content }
  const spoken = at < 0 ? [...messages, asked] : messages.with(at, asked)
  const system = texts.system === undefined ? '' : fillTemplate(texts.system, values).trim()
  return {
    messages: withSystem(system, spoken),
    ...(preset.sampling === undefined ? {} : { settings: preset.sampling }),
  }
}

function withSystem(system: string, messages: readonly ChatMessage[]): readonly ChatMessage[] {
  if (system === '') return messages
  const [first, ...rest] = messages
  if (first?.role !== 'system') return [{ role: 'system', content: system }, ...messages]
  // A saved conversation brings back the message that the preset began it with.
  if (first.content.startsWith(system)) return messages
  return [{ ...first, content: [system, first.content].filter((text) => text !== '').join('\n\n') }, ...rest]
}

interface ParameterTexts {
  readonly default?: string
  /** What a value is called in the text. */
  readonly options?: Readonly<Record<string, string>>
}

interface Texts {
  readonly template: string
  readonly system?: string | undefined
  readonly parameters: Readonly<Record<string, ParameterTexts>>
}

/** The preset's words in a language; the first language where it lacks this one. */
function textsOf(preset: BuiltIn, locale: Locale): Texts {
  const { template, system, extra } = preset
  const other = extra?.[locale] as Partial<Texts> | undefined
  if (typeof other?.template !== 'string') return { template, system, parameters: {} }
  return { template: other.template, system: other.system, parameters: other.parameters ?? {} }
}

function localeOf(wanted: unknown, values: readonly unknown[]): Locale {
  if (wanted === undefined || wanted === null) {
    return values.some((value) => typeof value === 'string' && /\p{Script=Han}/u.test(value)) ? 'zh' : 'en'
  }
  const locale = LOCALES.find((each) => each === wanted)
  if (locale) return locale
  throw badRequest(`locale is one of ${LOCALES.join(', ')}`, 'parameters.locale')
}

interface NumberType {
  readonly type: 'integer' | 'number'
  readonly minimum?: number
  readonly maximum?: number
}

function valuesOf(
  { name, parameters, extra }: BuiltIn,
  texts: Texts,
  given: Readonly<Record<string, unknown>>,
): Map<string, string> {
  const names = new Set(parameters.map((parameter) => parameter.name))
  for (const key of Object.keys(given)) {
    if (names.has(key)) continue
    const has = names.size === 0 ? 'it has none' : `it has ${[...names].join(', ')}`
    throw badRequest(
      `the preset ${name} has no parameter ${key.slice(0, 100)}; ${has}`,
      `parameters.${key.slice(0, 100)}`,
    )
  }
  const types = (extra?.types ?? {}) as Readonly<Record<string, NumberType>>
  return new Map(
    parameters.map((parameter) => {
      const own = texts.parameters[parameter.name]
      const value = textOf(parameter, own, given[parameter.name], name)
      const type = types[parameter.name]
      if (type && value !== '') checkNumber(value, type, parameter.name)
      return [parameter.name, own?.options?.[value] ?? value]
    }),
  )
}

function textOf(
  parameter: PresetParameter,
  texts: ParameterTexts | undefined,
  given: unknown,
  preset: string,
): string {
  const { name, required, options } = parameter
  const param = `parameters.${name}`
  const value = given ?? texts?.default ?? parameter.default ?? ''
  if (!['string', 'number', 'boolean'].includes(typeof value))
    throw badRequest(`${param} must be a text`, param)
  const text = String(value)
  if (text.length > MAX_VALUE) throw badRequest(`${param} is longer than ${MAX_VALUE} characters`, param)
  if (required && text.trim() === '')
    throw badRequest(`the preset ${preset} needs the parameter ${name}`, param)
  if (options && text !== '' && !options.includes(text)) {
    throw badRequest(
      `${param} is one of ${options.map((option) => JSON.stringify(option)).join(', ')}`,
      param,
    )
  }
  return text
}

function checkNumber(text: string, { type, minimum, maximum }: NumberType, name: string): void {
  const value = Number(text)
  const isNumber =
    text.trim() !== '' && (type === 'integer' ? Number.isInteger(value) : Number.isFinite(value))
  if (isNumber && value >= (minimum ?? value) && value <= (maximum ?? value)) return
  const bounds = [
    minimum === undefined ? '' : ` from ${minimum}`,
    maximum === undefined ? '' : ` to ${maximum}`,
  ]
  throw badRequest(
    `parameters.${name} must be a ${type === 'integer' ? 'whole number' : 'number'}${bounds.join('')}`,
    `parameters.${name}`,
  )
}
