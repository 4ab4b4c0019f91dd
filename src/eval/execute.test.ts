import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { evaluate } from './evaluate.js'
import { execute } from './execute.js'
import { fencedCode, programOf } from './formats/human-eval.js'
import { findTask } from './registry.js'
import type { GenerationTask } from './task.js'
import { randomModel } from './testing/models.js'

const node = { command: process.execPath, extension: '.mjs' }

describe('executing a program', () => {
  it('passes with exit code 0, and says how it failed otherwise', async () => {
    expect(await execute('process.exit(0)', node)).toMatchObject({ passed: true, outcome: 'passed' })
    const failed = await execute('throw new Error("wrong answer")', node)
    expect(failed).toMatchObject({ passed: false, outcome: 'ended with 1' })
    expect(failed.stderr).toContain('wrong answer')
  })

  it('does not see the environment', async () => {
    process.env.ATHANOR_SECRET_FOR_TEST = 'x'
    const source = 'process.exit(process.env.ATHANOR_SECRET_FOR_TEST === undefined ? 0 : 1)'
    expect(await execute(source, node)).toMatchObject({ passed: true })
    delete process.env.ATHANOR_SECRET_FOR_TEST
  })

  it.each([
    ['runs for ever', 'for (;;);', 'timed out'],
    [
      'sleeps with a child',
      'import { spawn } from "node:child_process"; spawn("sleep", ["60"]); setInterval(() => {}, 1e3)',
      'timed out',
    ],
  ])('ends what %s', async (_, source, outcome) => {
    const started = performance.now()
    expect(await execute(source, { ...node, timeout: 1 })).toMatchObject({ passed: false, outcome })
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('ends what writes without end or takes too much memory', async () => {
    const flood = 'const s = "x".repeat(1 << 16); for (;;) process.stdout.write(s)'
    expect((await execute(flood, { ...node, timeout: 8 })).passed).toBe(false)
    const hog = 'const a = []; for (;;) a.push(new Array(1e5).fill(1.5 + a.length))'
    expect((await execute(hog, { ...node, timeout: 20, memory: 64 })).passed).toBe(false)
  })

  it('says so where the command is not there, and stops when told to', async () => {
    await expect(execute('', { command: 'no-such-program-here', extension: '.x' })).rejects.toThrow(
      /cannot be run/,
    )
    await expect(execute('', { command: ' ', extension: '.x' })).rejects.toThrow(/empty/)
    const controller = new AbortController()
    const running = execute('setInterval(() => {}, 1000)', { ...node, signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 200)
    await expect(running).rejects.toThrow('enough')
  })
})

const problem = {
  task_id: 'T/0',
  language: 'js',
  prompt: 'function add(a, b) {\n',
  entry_point: 'add',
  test: 'function check(f) { if (f(1, 2) !== 3) throw new Error() }',
}

describe('coding problems', () => {
  it('are put together from prompt, completion and test', () => {
    expect(programOf(problem, '  return a + b }')).toContain('\ncheck(add)\n')
    expect(fencedCode('Here:\n```js\nfunction add() {}\n```\nDone.')).toBe('function add() {}\n')
    expect(fencedCode('no code')).toBeUndefined()
  })

  it('are scored by pass@k where a command is given', async () => {
    const task = (await findTask('humaneval')) as GenerationTask
    const answers = [
      '\n  return a + b }',
      '\n  return a - b }',
      '```js\nfunction add(a, b) { return b + a }\n```',
    ]
    const settings = { execute: process.execPath }
    const scores = await task.score(answers[0]!, problem, { answers, settings })
    expect(scores['pass@1']).toBeCloseTo(2 / 3)
  })

  it('run nothing otherwise, and say so', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'athanor-code-'))
    const file = join(dir, 'problems.jsonl')
    await writeFile(file, JSON.stringify(problem))
    const result = await evaluate(randomModel({ contextLength: 64 }), 'humaneval', {
      data: [file],
      settings: { samples: '2' },
    })
    expect(Object.keys(result.metrics)).toEqual(['nonEmpty'])
    expect(result.notes[0]).toContain('no program was run')
    expect(result.rows[0]!.answers).toHaveLength(2)
    await rm(dir, { recursive: true })
  })
})
