import { describe, expect, test } from 'vitest'
import { barLine, createProgressLine } from './progress.js'
import { createReporter } from './reporter.js'
import { fakeIo, screen } from './testing/fake-io.js'

const bar = {
  label: 'step  50/200',
  done: 50,
  total: 200,
  details: ['loss 2.345', '12s left', '1.20k tokens/s'],
}
const stepEvent = (step: number, steps = 1000) =>
  ({
    type: 'step',
    step,
    steps,
    loss: 3 - step / steps,
    lr: 1e-3,
    gradNorm: 1,
    tokensPerSecond: 12_345,
    secondsLeft: steps - step,
  }) as const

describe('the bar', () => {
  test('shows its label, how far it is, and the details', () => {
    expect(barLine(bar, 100)).toBe(
      `step  50/200  ${'━'.repeat(8)}${'─'.repeat(24)}   25%  loss 2.345  12s left  1.20k tokens/s`,
    )
  })

  test.each([0, 5, 12, 20, 40, 60, 80, 200])('never takes more than %d columns', (width) => {
    expect(barLine(bar, width).length).toBeLessThanOrEqual(width)
  })

  test('gives up the least important details first', () => {
    expect(barLine(bar, 45)).toContain('loss 2.345')
    expect(barLine(bar, 45)).not.toContain('tokens/s')
  })

  test.each([
    [0, '  0%'],
    [1, '100%'],
    [7, '100%'],
  ])('of %d parts of one done is %s', (done, percent) => {
    expect(barLine({ label: 'x', done, total: 1, details: [] }, 60)).toContain(percent)
  })

  test('has no bar where the end is not known', () => {
    expect(barLine({ label: 'reading', done: 3, details: ['3 files'] }, 60)).toBe('reading  3 files')
  })
})

describe('the line', () => {
  test('stays in its place while messages scroll above it, and leaves nothing behind', () => {
    const io = fakeIo({ tty: true, columns: 60 })
    const line = createProgressLine(io)
    line.draw(bar)
    line.print('first')
    io.advance(1000)
    line.draw({ ...bar, done: 100, label: 'step 100/200' })
    line.print('second')
    const during = screen(io.err(), 60)
    expect(during.slice(0, 2)).toEqual(['first', 'second'])
    expect(during).toHaveLength(3)
    expect(during[2]).toContain('step 100/200')
    line.clear()
    expect(screen(io.err(), 60)).toEqual(['first', 'second', ''])
  })

  test('is drawn a few times a second at most, and not again when nothing changed', () => {
    const io = fakeIo({ tty: true })
    const line = createProgressLine(io)
    for (let done = 0; done < 100; done++) {
      line.draw({ ...bar, done })
      io.advance(1)
    }
    expect(io.err().split('\r')).toHaveLength(3)
    io.advance(1000)
    line.draw({ ...bar, done: 80 })
    const before = io.err()
    io.advance(1000)
    line.draw({ ...bar, done: 80 })
    expect(io.err()).toBe(before)
  })

  test.each([[{ tty: false }], [{ tty: true, env: { CI: 'true' } }], [{ tty: true, env: { TERM: 'dumb' } }]])(
    'is not drawn with %j',
    (options) => {
      const io = fakeIo(options)
      const line = createProgressLine(io)
      line.draw(bar)
      line.clear()
      expect([line.isLive, io.err()]).toEqual([false, ''])
    },
  )

  test('keeps to ASCII where the locale has nothing else', () => {
    const io = fakeIo({ tty: true, env: { LC_ALL: 'C' } })
    createProgressLine(io).draw(bar)
    expect(io.err()).toContain('###---')
  })
})

describe('the reporter', () => {
  test('without a terminal prints a line for every twentieth of the steps', () => {
    const io = fakeIo()
    const { onEvent } = createReporter(io)
    for (let step = 1; step <= 1000; step++) onEvent(stepEvent(step))
    const lines = io.err().trimEnd().split('\n')
    expect(lines).toHaveLength(21)
    expect(lines[0]).toBe('step 1/1,000: loss 2.9990, lr 1.00e-3, 12.3k tokens/s, 16m 39s left')
    expect(lines.at(-1)).toBe('step 1,000/1,000: loss 2.0000, lr 1.00e-3, 12.3k tokens/s')
  })

  test('without a terminal is never silent for long', () => {
    const io = fakeIo()
    const { onEvent } = createReporter(io)
    for (let step = 1; step <= 10; step++) {
      onEvent(stepEvent(step, 100_000))
      io.advance(40_000)
    }
    expect(io.err().trimEnd().split('\n')).toHaveLength(10)
  })

  test('shows each kind of event', () => {
    const io = fakeIo()
    const { onEvent } = createReporter(io)
    onEvent({ type: 'settings', settings: { depth: 4, learningRate: 0.001 } })
    onEvent({ type: 'progress', label: 'reading', done: 1_500_000, total: 3_000_000, unit: 'bytes' })
    onEvent({ type: 'eval', step: 250, loss: 1.9, perplexity: 6.686, bitsPerByte: 2.741 })
    onEvent({ type: 'sample', step: 250, prompt: 'The', text: ' cat\x1b[2J\nsat' })
    onEvent({ type: 'checkpoint', step: 250, dir: 'runs/x' })
    onEvent({ type: 'warning', text: 'careful' })
    expect(io.err().split('\n')).toEqual([
      'settings',
      '  depth         4',
      '  learningRate  0.001',
      'reading: 1.5 MB/3.0 MB',
      'step 250: held-out loss 1.9000, perplexity 6.69, 2.7410 bits per byte',
      'step 250: the model writes',
      '  | The cat\\x1b[2J',
      '  | sat',
      'step 250: saved in runs/x',
      'warning: careful',
      '',
    ])
  })

  test('on a terminal the bar of a preparation goes when the next thing begins', () => {
    const io = fakeIo({ tty: true })
    const { onEvent } = createReporter(io)
    onEvent({ type: 'progress', label: 'encoding', done: 10, unit: 'characters' })
    expect(screen(io.err())).toEqual(['encoding  10 characters'])
    onEvent({ type: 'message', text: 'ready' })
    expect(screen(io.err())).toEqual(['ready', ''])
  })

  test('on a terminal draws the bar and takes it away at the end', () => {
    const io = fakeIo({ tty: true, columns: 90 })
    const reporter = createReporter(io)
    reporter.onEvent(stepEvent(500))
    expect(screen(io.err(), 90)[0]).toMatch(
      /^step {3}500\/1,000 {2}━+─+ {3}50% {2}loss 2.500 {2}8m 20s left {2}12.3k tokens\/s$/,
    )
    reporter.close()
    expect(screen(io.err(), 90)).toEqual([''])
  })
})
