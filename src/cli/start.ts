/** `athanor start`: the studio with an assistant in it, which is made first where there is none yet. */
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { RunEvent } from '../serve/runs/index.js'
import type { TrainEvent } from '../train/events.js'
import { addVerb, type Context } from './context.js'
import { interruptible } from './interrupt.js'
import { integer, seed, several, threads } from './numbers.js'
import { createReporter } from './reporter.js'

interface Flags {
  readonly corpus?: readonly string[]
  readonly out: string
  readonly port?: number
  readonly open: boolean
  readonly seed?: number
  readonly threads?: number
  readonly json?: boolean
}

const more = `
The first time this takes some ten minutes on two cores; the studio shows them from the first second. What is there already is
not made again, so a second start serves at once. Without the studio: athanor speedrun.`

export function addStart(program: Command, context: Context): void {
  addVerb(
    program,
    'start',
    'open the studio, and make a small assistant of the World Factbook in it, from raw text',
    ['athanor start', 'athanor start --corpus my.txt --out runs/mine', 'athanor start --no-open --port 9000'],
  )
    .option('--corpus <path...>', 'text of your own, added to the pretraining text', several)
    .option('--out <dir>', 'folder of the run; an interrupted one goes on', 'runs/start')
    .option(
      '--port <n>',
      'port of the studio (default: 8000, or a free one)',
      integer({ min: 0, max: 65_535 }),
    )
    .option('--no-open', 'do not open a browser')
    .option('--seed <n>', 'decides everything random', seed)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--json', 'print the address as JSON, once the assistant is in the studio')
    .addHelpText('after', more)
    .action((flags: Flags) => start(context, flags))
}

async function start({ io, library }: Context, flags: Flags): Promise<void> {
  const out = resolve(flags.out)
  const server = await listen({ io, library }, flags, dirname(out))
  const { context } = server
  const reporter = createReporter(io, { json: flags.json })
  try {
    if (!flags.json) io.stdout.write(`${server.url}\n`)
    if (flags.open && !flags.json && io.stdout.isTTY && !io.env.CI) await library.openBrowser(server.url)
    const texts = {
      stopping: 'saving, and finishing the answers under way',
      stopped: () => 'stopped; everything done so far is kept, and the same command goes on with it',
    }
    await interruptible(
      io,
      texts,
      async (signal) => {
        const { ASSISTANT, makeAssistant } = await library.server()
        const onEvent = (event: RunEvent) => {
          if (reported.has(event.type)) reporter.onEvent(event as unknown as TrainEvent)
        }
        const options = { out, flags: speedrunFlags(flags), onEvent, signal }
        const { state } = await makeAssistant({ ...context, runs: context.runs! }, options)
        if (state === 'finished') {
          const report = join(flags.out, 'report.html')
          const { url, port } = server
          reporter.print(`the assistant is ready: ${url}\nits report card: ${report}`)
          if (flags.json) io.stdout.write(`${JSON.stringify({ url, port, model: ASSISTANT, report })}\n`)
        }
        await aborted(signal)
      },
      { isWhole: () => true },
    )
  } finally {
    reporter.close()
    await server.close()
  }
}

/** What stages report; a run's events also say how its process began and ended. */
const reported: ReadonlySet<string> = new Set<TrainEvent['type']>([
  'message',
  'warning',
  'settings',
  'progress',
  'step',
  'metrics',
  'eval',
  'sample',
  'checkpoint',
])

/** The server on the port that was asked for; where none was, on a free one if the usual one is taken. */
async function listen({ io, library }: Context, { port, threads }: Flags, runs: string) {
  const { readConfig, createLog, startServer } = await library.server()
  const { startEngine } = await library.engine()
  const settings = { runs, database: `file:${join(runs, 'athanor.db')}`, logLevel: 'warn' as const, threads }
  const on = async (port: number | undefined) => {
    const config = await readConfig({ env: io.env, flags: { ...settings, port } })
    return startServer({ config, log: createLog(config, io.stderr), startEngine })
  }
  try {
    return await on(port)
  } catch (error) {
    const isTaken = (error as { code?: unknown }).code === 'serve/address'
    if (!isTaken || port !== undefined || io.env.ATHANOR_PORT) throw error
    return on(0)
  }
}

function speedrunFlags({ corpus = [], seed, threads }: Flags): string[] {
  const paths = corpus.map((path) => `--corpus=${/^\w+:/.test(path) ? path : resolve(path)}`)
  const numbers = Object.entries({ seed, threads }).filter(([, value]) => value !== undefined)
  return [...paths, ...numbers.map(([name, value]) => `--${name}=${value}`)]
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    else signal.addEventListener('abort', () => done(), { once: true })
  })
}
