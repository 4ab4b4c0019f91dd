import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { createLineSource, type Line } from './line-editor.js'

async function read(
  chunks: readonly Uint8Array[],
  isTTY?: boolean,
): Promise<{ lines: Line[]; shown: string }> {
  let shown = ''
  const stdin = (async function* () {
    yield* chunks
  })()
  const source = createLineSource(
    {
      // A real pipe has no isTTY at all.
      stdin: Object.assign(stdin, isTTY === undefined ? {} : { isTTY }) as never,
      stderr: { write: (text) => (shown += text), isTTY: true, columns: 80 },
    },
    '> ',
  )
  expect(source.interactive).toBe(isTTY === true)
  const lines: Line[] = []
  for (let line = await source.next(); line.type !== 'end'; line = await source.next()) lines.push(line)
  return { lines, shown }
}
const bytes = (text: string) => new TextEncoder().encode(text)
const line = (text: string): Line => ({ type: 'line', text })

test('lines of a pipe are put together from pieces, characters that were cut among them', async () => {
  const chinese = bytes('首都\r\nlast')
  const { lines, shown } = await read([
    bytes('one\ntw'),
    bytes('o\n'),
    chinese.subarray(0, 4),
    chinese.subarray(4),
  ])
  expect(lines).toEqual(['one', 'two', '首都', 'last'].map(line))
  expect(shown).toBe('')
})

test('a person is prompted', async () => {
  expect((await read([bytes('one\n')], true)).shown).toBe('> > ')
})

/** A terminal whose keys are pressed by the test. */
function terminal() {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined })
  const source = createLineSource(
    { stdin: stdin as never, stderr: { write: () => undefined, isTTY: true, columns: 80 } },
    '> ',
  )
  /** Each as the terminal sends it: a key, or what is pasted. */
  const press = (...keys: string[]) =>
    setImmediate(() => {
      for (const key of keys) stdin.write(key)
    })
  return { source, press }
}

test('on a terminal lines are edited, remembered, and taken one by one out of what is pasted', async () => {
  const { source, press } = terminal()
  press('helo', '\x1b[D', 'l', '\r')
  expect(await source.next()).toEqual(line('hello'))
  press('\x1b[A', '!', '\r')
  expect(await source.next()).toEqual(line('hello!'))
  press('a\rb\r')
  expect([await source.next(), await source.next()]).toEqual([line('a'), line('b')])
})

test('on a terminal Ctrl-C is told apart from Ctrl-D', async () => {
  const { source, press } = terminal()
  press('half', '\x03')
  expect(await source.next()).toEqual({ type: 'interrupt' })
  press('\x04')
  expect(await source.next()).toEqual({ type: 'end' })
})
