/** Stages that are killed at any moment go on as if they had not been: each leaves what a straight run leaves, to the bit. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../src/rng.ts'

const command = process.env.ATHANOR_COMMAND ?? resolve(import.meta.dirname, '../bin/athanor.mjs')
let dir: string

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'athanor-kill-stages-'))
  const ask = (i: number) => [{ role: 'user', content: `${i} and ${i}?` }]
  const lines = (name: string, record: (i: number) => unknown, length = 64) =>
    writeFileSync(
      join(dir, name),
      Array.from({ length }, (_, i) => `${JSON.stringify(record(i))}\n`).join(''),
    )
  lines('text.jsonl', (i) => ({ text: `${i} and ${i} is ${2 * i}.` }), 400)
  lines('dialogues.jsonl', (i) => ({
    messages: [...ask(i), { role: 'assistant', content: `It is ${2 * i}.` }],
  }))
  lines('pairs.jsonl', (i) => ({ prompt: ask(i), chosen: `It is ${2 * i}.`, rejected: 'No idea.' }))
  lines('prompts.jsonl', (i) => ({ messages: ask(i) }))
  // What the stages start from; short, for only the interruptions are of interest.
  const base =
    '--tokenizer bpe:280 --layers 1 --heads 2 --width 16 --context-length 64 --batch-size 2 --steps 2 --eval-tokens 64'
  await whole(`pretrain --data text.jsonl --out base ${base}`)
  await whole('reward --model base --data pairs.jsonl --out judge --batch-size 64')
}, 120_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Runs the command in `dir`; with `killAfter` it is killed (SIGKILL) that many milliseconds after it first speaks of a checkpoint. */
function athanor(line: string, killAfter?: number): Promise<{ code: number | null; output: string }> {
  return new Promise((done) => {
    const args = [command, ...line.split(' '), '--threads', '1']
    const child = spawn(process.execPath, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let timer: NodeJS.Timeout | undefined
    const read = (chunk: Buffer) => {
      output += chunk
      if (killAfter !== undefined && !timer && /saved in|step \d/.test(output))
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

async function whole(line: string): Promise<void> {
  const result = await athanor(line)
  expect(result, result.output).toMatchObject({ code: 0 })
}

/** The logged numbers, without those that tell the time. */
function metrics(run: string): unknown[] {
  const lines = readFileSync(join(dir, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => {
    const { tokensPerSecond: _, secondsPerStep: __, ...numbers } = JSON.parse(line)
    return numbers
  })
}

const often = '--checkpoint-every 3 --log-every 1 --eval-every 5'

describe('a killed stage goes on as if it had not been', () => {
  it.each([
    {
      stage: 'sft',
      line: `--model base --data dialogues.jsonl --epochs 4 --batch-size 2 --dropout 0.1 --patience 20 ${often}`,
      files: ['model', 'optimizer', 'best'],
    },
    {
      stage: 'reward',
      line: `--model base --data pairs.jsonl --epochs 2 --batch-size 4 --dropout 0.1 ${often}`,
      files: ['model', 'optimizer'],
    },
    {
      stage: 'dpo',
      line: `--model base --data pairs.jsonl --epochs 2 --batch-size 4 --dropout 0.1 ${often}`,
      files: ['model', 'optimizer', 'reference'],
    },
    {
      stage: 'ppo',
      line: '--model base --reward-model judge --data prompts.jsonl --steps 8 --batch-size 4 --minibatch-size 4 --max-tokens 4 --checkpoint-every 2',
      files: ['model', 'critic', 'actor-optimizer', 'critic-optimizer'],
    },
  ])('$stage', { timeout: 120_000 }, async ({ stage, line, files }) => {
    await whole(`${stage} ${line} --out ${stage}-straight`)
    const rng = Rng.seed(Number(process.env.ATHANOR_KILL_SEED ?? 1)).fork(stage)
    const killed = `${stage}-killed`
    let result = await athanor(`${stage} ${line} --out ${killed}`, 1 + rng.integer(60))
    let kills = 0
    for (; result.code === null && kills < 20; kills++) {
      // The last tries are left alone, so that a slow machine ends too.
      result = await athanor(`${stage} --resume ${killed}`, kills < 2 ? 1 + rng.integer(60) : undefined)
    }
    expect(result, result.output).toMatchObject({ code: 0 })
    expect(kills).toBeGreaterThan(0)
    expect(metrics(killed)).toEqual(metrics(`${stage}-straight`))
    for (const file of files) {
      const [ours, theirs] = [killed, `${stage}-straight`].map((run) =>
        readFileSync(join(dir, run, `${file}.safetensors`)),
      )
      expect(ours!.equals(theirs!), file).toBe(true)
    }
  })
})
