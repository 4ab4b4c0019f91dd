/** `athanor chat`: talk to a model in the terminal. */
import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { writeFileAtomic } from '../atomic.js'
import { AthanorError } from '../errors.js'
import type { Chat, ChatAnswer } from './chat-session.js'
import { addVerb, type Context } from './context.js'
import { CommandError, exitCodes, InterruptedError } from './errors.js'
import { grouped, printable, short } from './format.js'
import { interruptible } from './interrupt.js'
import { createLineSource } from './line-editor.js'
import { decimal, integer, seed, text, threads } from './numbers.js'

interface Flags {
  readonly model: string
  readonly system?: string
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly maxTokens?: number
  readonly contextLength?: number
  readonly seed?: number
  readonly threads?: number
  readonly device?: string
  readonly json?: boolean
}

const help = `  /new         begin a new conversation
  /undo        take back the last question and its answer
  /save FILE   write the conversation as a line of JSON, as athanor sft reads it
  /exit        leave (also Ctrl-D)
  /help        this list
A message that begins with / is written with two: //like this. Ctrl-C stops an answer.
`

export function addChat(program: Command, context: Context): void {
  const verb = addVerb(program, 'chat', 'talk to a model', [
    'athanor chat --model runs/ppo',
    "echo 'What is the capital of Peru?' | athanor chat --model runs/ppo --temperature 0 --json",
  ])
  verb
    .requiredOption('--model <dir>', 'a model with a chat format: a run folder of athanor sft or later', text)
    .option('--system <text>', 'what the model is told before the conversation')
    .option('--temperature <t>', '0: always the likeliest token (default: 0.7)', decimal({ min: 0 }))
    .option(
      '--top-p <p>',
      'choose among the likeliest tokens that make up this probability',
      decimal({ above: 0, max: 1 }),
    )
    .option('--top-k <k>', 'choose among the k likeliest tokens', integer({ min: 1 }))
    .option('--max-tokens <n>', 'tokens of an answer at most (default: 256)', integer({ min: 1 }))
    .option(
      '--context-length <n>',
      "tokens of the conversation that the model sees (default: the model's, at most 4096)",
      integer({ min: 1 }),
    )
    .option('--seed <n>', 'decides what is drawn', seed)
    .option('--threads <n>', 'CPU threads (default: all cores)', threads)
    .option('--device <name>', 'cpu, webgpu or cuda (default: cpu)', text)
    .option('--json', 'print each turn as one line of JSON')
    .action((flags: Flags) => chatVerb(context, flags))
  verb.addHelpText('after', `\nIn the conversation:\n${help}\nFrom a pipe, every line is a message.`)
}

async function chatVerb({ io, library }: Context, flags: Flags): Promise<void> {
  const { model: dir, threads, device, json = false, ...options } = flags
  const model = await library.loadModel(dir, {
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
  })
  const chat = await library.openChat(model, options)
  if (await isBase(dir))
    io.stderr.write(
      '(this model was only pretrained: it continues texts; athanor sft teaches it to converse)\n',
    )
  try {
    await converse({ io, library }, chat, { dir, json })
  } finally {
    await chat.dispose()
  }
}

/** Whether a run folder holds a model that has not seen a conversation, although its tokenizer has the tokens for them. */
async function isBase(dir: string): Promise<boolean> {
  try {
    const trainer: unknown = JSON.parse(await readFile(join(dir, 'trainer.json'), 'utf8'))
    return (
      typeof trainer === 'object' && trainer !== null && 'stage' in trainer && trainer.stage === 'pretrain'
    )
  } catch {
    return false
  }
}

async function converse(
  { io }: Context,
  chat: Chat,
  { dir, json }: { dir: string; json: boolean },
): Promise<void> {
  const lines = createLineSource(io, '> ')
  const { interactive } = lines
  const say = (line: string) => io.stderr.write(`${line}\n`)
  const saved = new Set<string>()
  if (interactive)
    say(`${dir}: ${grouped(chat.contextLength)} tokens of context; /help for help, /exit to leave`)
  let [turn, failed, leaving] = [0, 0, false]
  for (;;) {
    const line = await lines.next()
    if (line.type === 'end') break
    if (line.type === 'interrupt') {
      if (leaving) break
      leaving = true
      say('press Ctrl-C again to leave')
      continue
    }
    leaving = false
    const message = line.text.replace(/^\/\//, '/')
    if (line.text.trim() === '') continue
    try {
      if (message === line.text && message.startsWith('/')) {
        if (!(await command(message, chat, saved, say))) break
        continue
      }
      turn++
      await answer(io, chat, message, { turn, json, interactive })
    } catch (error) {
      if (!(error instanceof AthanorError) || error instanceof InterruptedError) throw error
      failed++
      say(`athanor: ${error.message}`)
      if (json)
        io.stdout.write(
          jsonLine({ turn, prompt: message, error: { code: error.code, message: error.message } }),
        )
    }
  }
  if (failed > 0 && !interactive)
    throw new AthanorError(
      'cli/chat',
      `${failed === 1 ? 'one line' : `${grouped(failed)} lines`} of the input could not be carried out, as said above`,
    )
}

/** One question and its answer. Ctrl-C ends the answer for a person; for a pipe it ends the command. */
async function answer(
  io: Context['io'],
  chat: Chat,
  prompt: string,
  { turn, json, interactive }: { turn: number; json: boolean; interactive: boolean },
): Promise<void> {
  const began = io.now()
  let stopped: unknown
  const work = async (signal: AbortSignal) => {
    const onText = (piece: string) => {
      if (!json) io.stdout.write(harmless(piece))
    }
    const result = await chat.ask(prompt, { onText, signal })
    stopped = signal.reason
    return result
  }
  const texts = { stopping: 'stopping the answer', stopped: () => 'stopped' }
  const result = await interruptible(io, texts, work, { isWhole: () => true })
  const seconds = (io.now() - began) / 1000
  const { text, finish, promptTokens, cachedTokens, tokens, forgotten } = result
  if (json) {
    const counts = { promptTokens, cachedTokens, tokens, forgotten, seconds: Number(seconds.toFixed(3)) }
    io.stdout.write(jsonLine({ turn, prompt, answer: text, finish, ...counts }))
  } else io.stdout.write('\n')
  for (const notice of notices(result, seconds, interactive)) io.stderr.write(`${notice}\n`)
  const leaves =
    stopped instanceof InterruptedError && (!interactive || stopped.exitCode !== exitCodes.SIGINT)
  if (leaves) throw stopped
}

function notices(
  { finish, tokens, newlyForgotten }: ChatAnswer,
  seconds: number,
  interactive: boolean,
): string[] {
  const speed = seconds > 0 ? `, ${short(tokens / seconds)} tokens/s` : ''
  return [
    newlyForgotten > 0 &&
      `(the conversation no longer fits: the model has lost sight of ${newlyForgotten === 2 ? 'the oldest turn' : `the ${newlyForgotten / 2} oldest turns`})`,
    finish === 'length' && `(cut after ${grouped(tokens)} tokens; --max-tokens allows more)`,
    finish === 'context' && '(cut: the context is full; /new begins anew)',
    finish === 'interrupted' && '(stopped)',
    interactive && finish === 'stop' && `(${grouped(tokens)} tokens${speed})`,
  ].filter((notice) => notice !== false)
}

/** Carries out what begins with a slash. False: leave. */
async function command(
  line: string,
  chat: Chat,
  saved: Set<string>,
  say: (line: string) => void,
): Promise<boolean> {
  const [, name, rest = ''] = /^(\S+)\s*(.*)$/.exec(line.trim())!
  switch (name) {
    case '/exit':
    case '/quit':
      return false
    case '/new':
      chat.reset()
      say('(a new conversation)')
      return true
    case '/undo':
      say(chat.undo() ? '(taken back)' : '(there is nothing to take back)')
      return true
    case '/save':
      await save(chat, rest, saved)
      say(`(saved in ${printable(rest)})`)
      return true
    case '/help':
      say(help.trimEnd())
      return true
    default:
      throw new AthanorError(
        'cli/usage',
        `there is no command ${harmless(name!)}; /help lists them, and two slashes begin a message with one`,
      )
  }
}

/** A file that was there before is never written over; one of this conversation may be. */
async function save(chat: Chat, file: string, saved: Set<string>): Promise<void> {
  if (file === '') throw new AthanorError('cli/usage', 'where should the conversation be saved? /save FILE')
  const path = resolve(file)
  const exists = await stat(path).then(
    () => true,
    () => false,
  )
  if (exists && !saved.has(path))
    throw new CommandError('exists', `${file} is already there; choose another name`)
  await writeFileAtomic(path, `${JSON.stringify({ messages: chat.messages })}\n`)
  saved.add(path)
}

/** What a model wrote, for a terminal: nothing in it steers the terminal or turns the direction of writing around. */
export function harmless(text: string): string {
  return printable(text).replace(
    /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** JSON as it is, but for the control characters that it would let through. */
function jsonLine(value: unknown): string {
  const json = JSON.stringify(value).replace(
    /[\x7f-\x9f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `${json}\n`
}
