/**
 * The settings of the server. They come from a JSON file, from the environment (`ATHANOR_PORT`) and from flags; a flag wins over the
 * environment, the environment over the file, the file over the default. All are checked here, once.
 */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { toStorageError } from '../atomic.js'
import { ServeError } from './errors.js'

const bytes = z.int().min(1024)
const seconds = z.number().positive().max(86_400)

/** As browsers send it; `https://app.example/` would never be one. */
const origin = z
  .string()
  .refine(
    (text) => text === '*' || text === 'null' || (URL.canParse(text) && new URL(text).origin === text),
    'must be an origin such as https://app.example, without a path, or *',
  )

export const modelSourceSchema = z.strictObject({
  dir: z.string().min(1).describe('A model folder or a run folder.'),
  name: z.string().min(1).optional().describe('What requests call it. Default: the name of the folder.'),
  quantization: z.enum(['none', 'q8', 'q4']).optional().describe('Weights at load.'),
})

const limitsSchema = z
  .strictObject({
    bodyBytes: bytes.default(4 << 20).describe('Of a request with JSON.'),
    uploadBytes: bytes.default(64 << 20).describe('Of a request with files.'),
    headerBytes: bytes.default(16 << 10).describe('Of all headers together.'),
    jsonDepth: z.int().min(8).max(1000).default(64).describe('Of arrays and objects in one another.'),
    messages: z.int().min(1).default(1024).describe('Of a chat request.'),
    prompts: z.int().min(1).default(64).describe('Of a completion request with a list.'),
    inputs: z.int().min(1).default(512).describe('Of an embedding or score request.'),
    choices: z.int().min(1).default(16).describe('n of a request.'),
    tools: z.int().min(1).default(64),
    stops: z.int().min(1).default(16).describe('Stop strings.'),
    schemaBytes: bytes.default(64 << 10).describe('Of a JSON schema.'),
    connections: z.int().min(1).default(2048).describe('Open at the same time.'),
    headersSeconds: seconds.default(15).describe('Until all headers have come.'),
    requestSeconds: seconds.default(120).describe('Until the whole request has come.'),
    idleSeconds: seconds.default(72).describe('An open connection without a request.'),
    sendSeconds: seconds.default(60).describe('A client that does not read what it asked for.'),
  })
  .describe('What a client may cost.')

export const serveConfigSchema = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address to listen on. Others than loopback need an API key.'),
  port: z.int().min(0).max(65_535).default(8000).describe('0 takes a free one.'),
  database: z.string().min(1).default('file:athanor.db').describe('file:PATH, :memory: or postgres://…'),
  models: z.array(modelSourceSchema).default([]),
  runs: z.string().min(1).default('runs').describe('Folder whose run directories the studio shows.'),
  data: z.string().min(1).default('data').describe('Folder whose data sets the studio shows.'),
  publicUrl: z
    .url({ protocol: /^https?$/, error: 'must be a URL such as https://chat.example' })
    .optional()
    .describe('What clients call this server, behind a proxy.'),
  allowedHosts: z
    .array(z.string())
    .default([])
    .describe('Host names besides localhost that are answered on loopback without a key.'),
  corsOrigins: z.array(origin).default([]).describe('Origins whose pages may call the API; "*" for all.'),
  requestsPerMinute: z.int().min(1).optional().describe('Of each key that has no limit of its own.'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  logPrompts: z.boolean().default(false).describe('Write prompts and answers into the log.'),
  shutdownSeconds: seconds.default(30).describe('For answers under way when the server is told to end.'),
  pingSeconds: seconds.default(10).describe('Between comments that keep a silent stream open.'),
  preload: z.boolean().default(true).describe('Load the models at start; /health says 503 until then.'),
  threads: z.int().min(1).max(1024).optional().describe('CPU threads. Default: all cores.'),
  memoryBudget: bytes.optional().describe('Bytes for loaded models. Default: half of the memory.'),
  slots: z
    .int()
    .min(1)
    .max(1024)
    .optional()
    .describe('Requests that one model answers at the same time. Default: 16.'),
  maxQueue: z.int().min(0).optional().describe('Requests that wait; more are refused. Default: 256.'),
  contextLimit: z
    .int()
    .min(1)
    .optional()
    .describe('Tokens of one conversation at most. Default: the model’s, at most 8192.'),
  limits: limitsSchema.prefault({}),
})

export type ModelSource = z.output<typeof modelSourceSchema>
export type ServeConfig = z.output<typeof serveConfigSchema>
export type ServeConfigInput = z.input<typeof serveConfigSchema>

/** Settings of one value, which a variable of the environment can hold: ATHANOR_LOG_LEVEL for logLevel. */
const fromText: Readonly<Record<string, (text: string) => unknown>> = {
  host: String,
  port: Number,
  database: String,
  models: (text) => list(text).map((dir) => ({ dir })),
  runs: String,
  data: String,
  publicUrl: String,
  allowedHosts: list,
  corsOrigins: list,
  requestsPerMinute: Number,
  logLevel: String,
  logPrompts: flag,
  shutdownSeconds: Number,
  pingSeconds: Number,
  preload: flag,
  threads: Number,
  memoryBudget: Number,
  slots: Number,
  maxQueue: Number,
  contextLimit: Number,
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function flag(text: string): unknown {
  return (
    { true: true, 1: true, yes: true, on: true, false: false, 0: false, no: false, off: false }[text] ?? text
  )
}

/** `logLevel` is ATHANOR_LOG_LEVEL. */
export const variableOf = (name: string): string =>
  `ATHANOR_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

export interface ConfigSources {
  /** A JSON file. */
  readonly file?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly flags?: Readonly<Record<string, unknown>>
}

/**
 * Puts the settings together and checks them.
 * @throws ServeError `serve/config`, which names the setting and where it comes from
 */
export async function readConfig({ file, env = {}, flags = {} }: ConfigSources): Promise<ServeConfig> {
  const settings: Record<string, unknown> = {}
  const origins = new Map<string, string>()
  const take = (values: Readonly<Record<string, unknown>>, origin: (name: string) => string) => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) continue
      settings[name] = value
      origins.set(name, origin(name))
    }
  }
  if (file !== undefined) take(await readSettings(file), () => `of ${file}`)
  const variables = Object.keys(fromText).flatMap((name) => {
    const text = env[variableOf(name)]
    return text === undefined || text === '' ? [] : [[name, fromText[name]!(text)] as const]
  })
  take(Object.fromEntries(variables), (name) => `of ${variableOf(name)}`)
  take(flags, (name) => `of --${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
  const checked = serveConfigSchema.safeParse(settings)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  const path = issue!.path.map(String)
  const origin = origins.get(path[0] ?? '') ?? (file === undefined ? '' : `of ${file}`)
  const name = path.join('.') || 'the settings'
  throw new ServeError('config', `${[name, origin].filter(Boolean).join(' ')}: ${issue!.message}`)
}

async function readSettings(file: string): Promise<Readonly<Record<string, unknown>>> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    const why =
      error instanceof SyntaxError
        ? `it is not JSON (${error.message})`
        : (toStorageError(error, 'read', file) as Error).message
    throw new ServeError('config', `cannot read the settings in ${file}: ${why}`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ServeError('config', `${file} must hold one JSON object with settings`)
  return value as Readonly<Record<string, unknown>>
}
