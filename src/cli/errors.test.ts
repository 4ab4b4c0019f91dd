import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { AthanorError } from '../errors.js'
import { InterruptedError, reportError, UsageError } from './errors.js'
import { fakeIo } from './testing/fake-io.js'

function report(error: unknown, env: Record<string, string> = {}) {
  const io = fakeIo({ env })
  return { code: reportError(error, io), err: io.err(), out: io.out() }
}

test('an error thrown on purpose is its message', () => {
  expect(report(new AthanorError('x', 'no such thing; try another'))).toEqual({
    code: 1,
    err: 'athanor: no such thing; try another\n',
    out: '',
  })
})

test('wrong usage ends with 2, a signal with its own code', () => {
  expect(report(new UsageError('pretrain', 'wrong')).code).toBe(2)
  expect(report(new InterruptedError('SIGTERM', 'stopped'))).toMatchObject({
    code: 143,
    err: 'athanor: stopped\n',
  })
})

test('an error of the file system is explained', async () => {
  const error = await readFile('/nowhere/at/all').catch((error: unknown) => error)
  expect(report(error)).toMatchObject({
    code: 1,
    err: 'athanor: cannot use /nowhere/at/all: no such file or folder; check the path (ENOENT)\n',
  })
})

test('want of memory is explained', () => {
  expect(report(new RangeError('Array buffer allocation failed')).err).toContain('not enough memory')
})

test('a fault of ours says so, and shows its stack and cause only when asked', () => {
  const error = new TypeError('x is not a function', { cause: new Error('deep') })
  const { code, err } = report(error)
  expect(code).toBe(1)
  expect(err).toContain('unexpected error: TypeError: x is not a function')
  expect(err).toContain('ATHANOR_DEBUG=1')
  expect(err).not.toContain('    at ')
  const debug = report(error, { ATHANOR_DEBUG: '1' }).err
  expect(debug).toContain('errors.test.ts')
  expect(debug).toContain('caused by: Error: deep')
})

test.each(['text', undefined, null, 5])('anything may be thrown: %j', (thrown) => {
  expect(report(thrown).code).toBe(1)
})
