import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { InterruptedError } from './errors.js'
import { interruptible } from './interrupt.js'
import { fakeIo } from './testing/fake-io.js'

const texts = { stopping: 'stopping', stopped: () => 'stopped' }

test('work that nobody stops gives its result and leaves no listeners', async () => {
  const io = fakeIo()
  expect(await interruptible(io, texts, async () => 7)).toBe(7)
  expect(io.listeners()).toBe(0)
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)(
  '%s aborts the work; whether it then returns or throws, the exit code is %d',
  async (signal, exitCode) => {
    const io = fakeIo()
    const returns = interruptible(io, texts, async () => io.send(signal))
    await expect(returns).rejects.toMatchObject({ exitCode, message: 'stopped' })
    const throws = interruptible(io, texts, async (abort) => {
      io.send(signal)
      abort.throwIfAborted()
    })
    await expect(throws).rejects.toBeInstanceOf(InterruptedError)
  },
)

test('a failure while winding up is told as it is', async () => {
  const io = fakeIo()
  const work = interruptible(io, texts, async () => {
    io.send('SIGINT')
    throw new Error('disk full')
  })
  await expect(work).rejects.toThrow('disk full')
})

test('a signal that came too late to matter does not spoil a whole result', async () => {
  const io = fakeIo()
  const work = interruptible(io, texts, async () => io.send('SIGINT') ?? 'done', {
    isWhole: (value) => value === 'done',
  })
  expect(await work).toBe('done')
})

test('the copy of Ctrl-C that npm passes on is not a second one', async () => {
  const io = fakeIo()
  const work = interruptible(io, texts, async () => {
    io.send('SIGINT')
    io.send('SIGINT')
  })
  await expect(work).rejects.toBeInstanceOf(InterruptedError)
  expect(io.exits).toEqual([])
})

test('a second Ctrl-C ends the process at once', async () => {
  const io = fakeIo()
  const work = interruptible(io, texts, async () => {
    io.send('SIGINT')
    await delay(700)
    io.send('SIGINT')
  })
  await expect(work).rejects.toBeInstanceOf(InterruptedError)
  expect(io.exits).toEqual([130])
})
