/** A training process that is killed at any moment goes on as if it had not been. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../src/rng.ts'

const command = resolve(import.meta.dirname, '../bin/athanor.mjs')
let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'athanor-kill-'))
  const lines = Array.from(
    { length: 300 },
    (_, i) => `${i} bottles of beer on the wall, ${i * i} bottles of beer.\n`,
  )
  writeFileSync(join(dir, 'text.txt'), lines.join(''))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const settings =
  '--tokenizer char --layers 1 --heads 2 --width 32 --context-length 32 --batch-size 8 --steps 120 --checkpoint-every 4 --log-every 1 --eval-every 40 --optimizer muon --threads 1'

/** Runs the command; with `killAfter` it is killed (SIGKILL) that many milliseconds after its first checkpoint. */
function athanor(
  args: readonly string[],
  killAfter?: number,
): Promise<{ code: number | null; output: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let timer: NodeJS.Timeout | undefined
    const read = (chunk: Buffer) => {
      output += chunk
      if (killAfter !== undefined && !timer && output.includes('saved in'))
        timer = setTimeout(() => child.kill('SIGKILL'), killAfter)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('close', (code) => {
      clearTimeout(timer)
      done({ code, output })
    })
  })
}

/** The logged numbers that must not depend on interruptions, in order. */
function losses(run: string) {
  const lines = readFileSync(join(dir, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => {
    const { step, loss, gradNorm, lr, heldOut } = JSON.parse(line)
    return { step, loss, gradNorm, lr, heldOut }
  })
}

describe('a killed run', () => {
  it('resumes from its newest complete checkpoint and repeats the losses bit for bit', {
    timeout: 240_000,
  }, async () => {
    const pretrain = (out: string) => [
      'pretrain',
      '--data',
      join(dir, 'text.txt'),
      '--out',
      join(dir, out),
      ...settings.split(' '),
    ]
    const straight = await athanor(pretrain('straight'))
    expect(straight, straight.output).toMatchObject({ code: 0 })

    const rng = Rng.seed(Number(process.env.ATHANOR_KILL_SEED ?? 1))
    let result = await athanor(pretrain('killed'), 1 + rng.integer(150))
    let kills = 0
    for (; result.code === null && kills < 40; kills++) {
      // The last tries are left alone, so that a slow machine ends too.
      const killAfter = kills < 6 ? 1 + rng.integer(150) : undefined
      result = await athanor(['pretrain', '--resume', join(dir, 'killed'), '--threads', '1'], killAfter)
    }
    expect(result, result.output).toMatchObject({ code: 0 })
    expect(kills).toBeGreaterThan(0)
    expect(losses('killed')).toEqual(losses('straight'))
    const weights = (run: string) => readFileSync(join(dir, run, 'model.safetensors'))
    expect(weights('killed').equals(weights('straight'))).toBe(true)
  })
})
