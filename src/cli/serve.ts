/** `athanor serve`: models over HTTP, with the studio. */
import { type Command, Option } from 'commander'
import type { RunningServer, ServeConfigInput } from '../serve/index.js'
import { addVerb, type Context } from './context.js'
import { UsageError } from './errors.js'
import { interruptible } from './interrupt.js'
import { decimal, integer, oneOf, several, text, threads } from './numbers.js'

interface Flags {
  readonly model?: string[]
  readonly name?: string[]
  readonly quantization?: 'none' | 'q8' | 'q4'
  readonly config?: string
  readonly host?: string
  readonly port?: number
  readonly database?: string
  readonly runs?: string
  readonly data?: string
  readonly corsOrigin?: string[]
  readonly threads?: number
  readonly memory?: number
  readonly slots?: number
  readonly maxQueue?: number
  readonly contextLimit?: number
  readonly preload?: boolean
  readonly logLevel?: string
  readonly logPrompts?: boolean
  readonly shutdownSeconds?: number
  readonly json?: boolean
}

const GIB = 2 ** 30

const more = `
The API is OpenAI's: give clients the base URL that is printed, with /v1 behind it. The studio is at the same URL, a page
to try the API at /docs.

Without a key only this machine can connect. For others: athanor keys create --name me --scope admin, then --host 0.0.0.0.

Every setting can also stand in the JSON file of --config or in the environment (ATHANOR_PORT for port). A flag wins over the
environment, the environment over the file. docs/serve.md lists them.`

export function addServe(program: Command, context: Context): void {
  const verb = addVerb(program, 'serve', 'answer over HTTP, as OpenAI does, and open the studio', [
    'athanor serve --model runs/ppo',
    'athanor serve --model runs/ppo runs/reward --name assistant judge --port 9000',
    'athanor serve --config serve.json',
  ])
  verb
    .option('--model <dir...>', 'models to serve: run folders or any model folders', several)
    .option(
      '--name <name...>',
      'what requests call them, in the same order (default: the folders’ names)',
      several,
    )
    .option('--quantization <bits>', 'weights at load: none, q8 or q4', oneOf(['none', 'q8', 'q4']))
    .option(
      '--port <n>',
      'port to listen on; 0 takes a free one (default: 8000)',
      integer({ min: 0, max: 65_535 }),
    )
    .option('--host <address>', 'address to listen on (default: 127.0.0.1); others need an API key', text)
    .option('--database <url>', 'file:PATH, :memory: or postgres://… (default: file:athanor.db)', text)
    .option('--config <file>', 'JSON file with settings', text)
    .option('--runs <dir>', 'folder of the runs that the studio shows (default: runs)', text)
    .option('--data <dir>', 'folder of the data sets that the studio shows (default: data)', text)
    .option('--cors-origin <url...>', 'origins whose pages may call the API; * for all', several)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option(
      '--memory <gib>',
      'for loaded models, in GiB (default: half of the memory)',
      decimal({ above: 0 }),
    )
    .option(
      '--slots <n>',
      'requests that a model answers at the same time (default: 16)',
      integer({ min: 1 }),
    )
    .option('--max-queue <n>', 'requests that wait; more are refused (default: 256)', integer({ min: 0 }))
    .option(
      '--context-limit <n>',
      'tokens of a conversation at most (default: the model’s, at most 8192)',
      integer({ min: 1 }),
    )
    .option('--no-preload', 'load models when they are first asked')
    .option(
      '--shutdown-seconds <s>',
      'for answers under way when the server is stopped (default: 30)',
      decimal({ above: 0 }),
    )
    .addOption(
      new Option('--log-level <level>', 'debug, info, warn, error or silent (default: info)').argParser(
        oneOf(['debug', 'info', 'warn', 'error', 'silent']),
      ),
    )
    .option('--log-prompts', 'write prompts and answers into the log')
    .option('--json', 'print the address as JSON')
    .action((flags: Flags) => serveVerb(context, flags, verb.getOptionValueSource('preload') === 'cli'))
    .addHelpText('after', more)
}

async function serveVerb({ io, library }: Context, flags: Flags, preloadGiven: boolean): Promise<void> {
  const { readConfig, createLog, startServer } = await library.server()
  const config = await readConfig({ file: flags.config, env: io.env, flags: settingsOf(flags, preloadGiven) })
  const log = createLog(config, io.stderr)
  const { startEngine } = await library.engine()
  const server = await startServer({ config, log, startEngine })
  const texts = {
    stopping: `finishing the answers under way (up to ${config.shutdownSeconds} s)`,
    stopped: () => 'stopped',
  }
  // A server that is told to stop has done what it should: that is success.
  await interruptible(io, texts, (signal) => untilStopped(io, server, signal, flags.json === true), {
    isWhole: () => true,
  })
}

async function untilStopped(
  io: Context['io'],
  server: RunningServer,
  signal: AbortSignal,
  json: boolean,
): Promise<void> {
  const stopped = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  const { url, port } = server
  try {
    if (!json) io.stdout.write(`${url}\n`)
    const models = await Promise.race([server.ready, stopped])
    if (models === undefined) return
    if (json) io.stdout.write(`${JSON.stringify({ url, port, models })}\n`)
    else io.stderr.write(`${summary(models)}\n`)
    await stopped
  } finally {
    await server.close()
  }
}

function summary(models: readonly string[]): string {
  if (models.length === 0)
    return 'ready; no models were given: the studio can train one, --model DIR serves one'
  return `ready: ${models.join(', ')}`
}

/** Flags as settings; those that were not given leave the environment and the file alone. */
function settingsOf(flags: Flags, preloadGiven: boolean): Partial<ServeConfigInput> {
  const { model, name, quantization, memory, corsOrigin, config: _, json: __, preload, ...same } = flags
  if (name !== undefined && name.length !== model?.length) {
    throw new UsageError(
      'serve',
      `--name gives ${name.length} names for ${model?.length ?? 0} models (--model)`,
    )
  }
  if (quantization !== undefined && model === undefined)
    throw new UsageError('serve', '--quantization is for the models of --model')
  const models = model?.map((dir, index) => ({
    dir,
    ...(name === undefined ? {} : { name: name[index]! }),
    ...(quantization === undefined ? {} : { quantization }),
  }))
  return {
    ...(same as Partial<ServeConfigInput>),
    ...(models === undefined ? {} : { models }),
    ...(memory === undefined ? {} : { memoryBudget: Math.round(memory * GIB) }),
    ...(corsOrigin === undefined ? {} : { corsOrigins: corsOrigin }),
    ...(preloadGiven ? { preload: preload === true } : {}),
  }
}
