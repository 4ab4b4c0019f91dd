/** Lines from a person at a terminal, with editing and history, or from a pipe. */
import { createInterface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'
import type { Io } from './io.js'

export type Line =
  | { readonly type: 'line'; readonly text: string }
  | { readonly type: 'interrupt' }
  | { readonly type: 'end' }

export interface LineSource {
  /** Whether a person types the lines. */
  readonly interactive: boolean
  next(): Promise<Line>
}

/** Lines of standard input. On a terminal `prompt` is shown (on stderr, so that stdout carries answers only). */
export function createLineSource(io: Pick<Io, 'stdin' | 'stderr'>, prompt: string): LineSource {
  const { stdin } = io
  // Node leaves it undefined for a pipe.
  const interactive = stdin.isTTY === true
  if (interactive && 'setRawMode' in stdin)
    return terminalLines(stdin as unknown as Readable, io.stderr, prompt)
  const lines = pipedLines(stdin)
  return {
    interactive,
    async next() {
      if (interactive) io.stderr.write(prompt)
      const { done, value } = await lines.next()
      return done ? { type: 'end' } : { type: 'line', text: value }
    },
  }
}

/** Between two lines the terminal is as it was: Ctrl-C is a signal then, and stops the answer. */
function terminalLines(input: Readable, stderr: Io['stderr'], prompt: string): LineSource {
  const waiting: string[] = []
  let history: string[] = []
  const output = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      stderr.write(String(chunk))
      done()
    },
  })
  Object.defineProperties(output, { isTTY: { value: true }, columns: { get: () => stderr.columns } })
  return {
    interactive: true,
    next: () => {
      // Of a text that was pasted, each line is one of its own.
      if (waiting.length > 0) return Promise.resolve({ type: 'line', text: waiting.shift()! })
      const editor = createInterface({
        input,
        output,
        terminal: true,
        prompt,
        history,
        removeHistoryDuplicates: true,
      })
      return new Promise<Line>((resolve) => {
        let interrupted = false
        editor.on('history', (lines) => {
          history = [...lines]
        })
        editor.on('line', (text) => {
          waiting.push(text)
          setImmediate(() => editor.close())
        })
        editor.on('SIGINT', () => {
          interrupted = true
          editor.close()
        })
        editor.on('close', () => {
          const text = waiting.shift()
          if (text !== undefined) resolve({ type: 'line', text })
          else {
            stderr.write('\n')
            resolve({ type: interrupted ? 'interrupt' : 'end' })
          }
        })
        editor.prompt()
      })
    },
  }
}

async function* pipedLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of input) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n')
    rest = lines.pop()!
    for (const line of lines) yield line.replace(/\r$/, '')
  }
  rest += decoder.decode()
  if (rest !== '') yield rest.replace(/\r$/, '')
}
