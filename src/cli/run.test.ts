import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AthanorError } from '../errors.js'
import type { LanguageModel } from '../infer/index.js'
import type { SpeedrunResult } from '../recipes/speedrun/speedrun.js'
import type { PretrainResult, TrainEvent } from '../train/index.js'
import { type Library, library } from './library.js'
import { run } from './run.js'
import { type FakeIoOptions, fakeIo } from './testing/fake-io.js'

const never = (name: string) => () => {
  throw new Error(`${name} must not be called here`)
}

/** The command, with functions of the library replaced; those not named must not be called. */
async function athanor(argv: string[], functions: Partial<Library> = {}, options: FakeIoOptions = {}) {
  const io = fakeIo(options)
  const closed = Object.fromEntries(Object.keys(library).map((name) => [name, never(name)]))
  const code = await run(argv, io, { ...(closed as unknown as Library), ...functions })
  return { code, out: io.out(), err: io.err(), io }
}

const result: PretrainResult = {
  dir: 'runs/x',
  step: 20,
  finished: true,
  parameters: 1_234_567,
  tokens: 40_960,
  seconds: 75,
  loss: 2.5,
  heldOut: { loss: 2.6, perplexity: 13.5, bitsPerByte: 1.25 },
}
const step: TrainEvent = {
  type: 'step',
  step: 20,
  steps: 20,
  loss: 2.5,
  lr: 1e-3,
  gradNorm: 1,
  tokensPerSecond: 5000,
  secondsLeft: 0,
}

describe('usage', () => {
  test.each([
    [['pretrian'], "unknown command 'pretrian' (Did you mean pretrain?)", 'athanor --help'],
    [
      ['generate', '--model', 'm', '--promt', 'x'],
      "unknown option '--promt' (Did you mean --prompt?)",
      'athanor generate --help',
    ],
    [
      ['generate', '--prompt', 'x'],
      "required option '--model <dir>' not specified",
      'athanor generate --help',
    ],
    [
      ['generate', '--model', 'm'],
      'give either --prompt TEXT or --prompt-tokens IDS',
      'athanor generate --help',
    ],
    [
      ['generate', '--model', 'm', '--prompt', 'x', '--prompt-tokens', '1'],
      'give either --prompt',
      'athanor generate --help',
    ],
    [
      ['generate', '--model', 'm', '--prompt-tokens', '1,x'],
      '"x" is not a whole number',
      'athanor generate --help',
    ],
    [
      ['generate', '--model', 'm', '--prompt', 'x', '--top-p', '1.5'],
      'It must be a number, more than 0 and at most 1',
      'athanor generate --help',
    ],
    [['pretrain', '--out', 'o'], '--data FILE', 'athanor pretrain --help'],
    [['pretrain', '--data', 'd'], '--out DIR', 'athanor pretrain --help'],
    [['pretrain', '--data', 'd', '--out', ''], 'It must not be empty', 'athanor pretrain --help'],
    [
      ['pretrain', '--data', 'd', '--out', 'o', '--preset', 'p', '--depth', '4'],
      'give one of them',
      'athanor pretrain --help',
    ],
    [
      ['pretrain', '--data', 'd', '--out', 'o', '--steps', '0'],
      'It must be a whole number, 1 or more',
      'athanor pretrain --help',
    ],
    [
      ['pretrain', '--resume', 'r', '--seed', '3', '--no-bias'],
      '--seed and --bias cannot change',
      'athanor pretrain --help',
    ],
    [['pretrain', 'corpus.txt'], 'too many arguments', 'athanor pretrain --help'],
    [
      ['tokenizer', 'train', '--data', 'd', '--out', 'o'],
      'either --vocab-size N or --char',
      'athanor tokenizer train --help',
    ],
    [['pretrian', '--help'], "unknown command 'pretrian'", 'athanor --help'],
    [['tokenizer', 'trian', '-h'], "unknown command 'trian'", 'athanor tokenizer --help'],
    [['tokenizer', 'trian'], 'Did you mean train?', 'athanor tokenizer --help'],
    [
      ['eval', 'perplexity', '--model', 'm'],
      "required option '--data <file...>'",
      'athanor eval perplexity --help',
    ],
  ])('%j is wrong usage: exit code 2, one error, a pointer to the help', async (argv, problem, help) => {
    const { code, out, err } = await athanor(argv)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err.startsWith('athanor: ')).toBe(true)
    expect(err).toContain(problem)
    expect(err).toContain(`Run '${help}'`)
    expect(err.trimEnd().split('\n')).toHaveLength(2)
  })

  test.each([[[]], [['eval']], [['tokenizer']]])(
    '%j, which lacks a verb, shows the verbs and ends with 2',
    async (argv) => {
      const { code, out, err } = await athanor(argv)
      expect([code, out]).toEqual([2, ''])
      expect(err).toContain('Commands:')
    },
  )

  const verbs = [
    ['start'],
    ['pretrain'],
    ['generate'],
    ['chat'],
    ['eval', 'perplexity'],
    ['tokenizer', 'train'],
    ['tokenizer', 'encode'],
    ['tokenizer', 'decode'],
  ]
  test.each(verbs)('%s %s --help shows flags and examples on stdout', async (...verb) => {
    const { code, out, err } = await athanor([...verb.filter((word) => word !== undefined), '--help'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('--json')
    expect(out).toContain(`\nExamples:\n  athanor ${verb.filter(Boolean).join(' ')}`)
    expect(out).not.toMatch(/\n\n\n|\n\n$/)
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(
      await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { version: string }
    expect(await athanor(['--version'])).toMatchObject({ code: 0, out: `${version}\n`, err: '' })
  })
})

describe('pretrain', () => {
  test('hands every flag to the library', async () => {
    let given: unknown
    const flags =
      '--data a.txt b --data c --out o --depth 4 --tokenizer bpe:512 --steps 1_000 --seed 7 --checkpoint-every 50 --threads 2 --device cpu'
    const overrides =
      '--learning-rate 3e-4 --batch-size 8 --context-length 64 --no-bias --tied --layers 3 --order random'
    const { code } = await athanor(['pretrain', ...flags.split(' '), ...overrides.split(' ')], {
      pretrain: async ({ signal, onEvent, ...options }) => {
        given = options
        return result
      },
    })
    expect(code).toBe(0)
    expect(given).toEqual({
      data: ['a.txt', 'b', 'c'],
      out: 'o',
      depth: 4,
      threads: 2,
      device: 'cpu',
      overrides: {
        tokenizer: 'bpe:512',
        steps: 1000,
        seed: 7,
        checkpointEvery: 50,
        learningRate: 3e-4,
        batchSize: 8,
        contextLength: 64,
        bias: false,
        tied: true,
        nLayer: 3,
        order: 'random',
      },
    })
  })

  test('--json prints one JSON value on stdout and everything else on stderr', async () => {
    const { code, out, err } = await athanor(
      ['pretrain', '--data', 'd', '--out', 'o', '--json'],
      {
        pretrain: async ({ onEvent }) => {
          onEvent?.({ type: 'message', text: 'hello' })
          onEvent?.(step)
          return { ...result, loss: Number.NaN }
        },
      },
      { tty: true },
    )
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual({ ...result, loss: 'NaN' })
    expect(out.trimEnd().split('\n')).toHaveLength(1)
    expect(err).toBe('hello\nstep 20/20: loss 2.5000, lr 1.00e-3, 5.00k tokens/s\n')
  })

  test('--resume goes on with a run', async () => {
    let given: unknown
    const { code, out } = await athanor(
      ['pretrain', '--resume', 'runs/x', '--steps', '30', '--threads', '1'],
      {
        resumePretrain: async (dir, { steps, threads }) => {
          given = [dir, steps, threads]
          return result
        },
      },
    )
    expect([code, given]).toEqual([0, ['runs/x', 30, 1]])
    expect(out).toContain('1.23M parameters, in runs/x')
    expect(out).toContain('athanor generate --model runs/x')
  })

  test('Ctrl-C lets the stage save, says how to go on, and ends with 130', async () => {
    const io = fakeIo({ env: { npm_command: 'exec' } })
    const code = await run(['pretrain', '--data', 'd', '--out', 'my runs/x'], io, {
      ...library,
      pretrain: async ({ signal }) => {
        io.send('SIGINT')
        expect(signal?.aborted).toBe(true)
        return { ...result, dir: 'my runs/x', step: 12, finished: false }
      },
    })
    expect(code).toBe(130)
    expect(io.out()).toBe('')
    expect(io.err()).toContain('stopping after this step and saving; press Ctrl-C again to stop at once')
    expect(io.err()).toContain(
      "stopped at step 12, saved in my runs/x; go on with\n  npx athanor pretrain --resume 'my runs/x'",
    )
    expect(io.listeners()).toBe(0)
  })

  test('an error of the library is one line, exit code 1, and the terminal is left clean', async () => {
    const { code, out, err } = await athanor(
      ['pretrain', '--data', 'd', '--out', 'o'],
      {
        pretrain: async ({ onEvent }) => {
          onEvent?.(step)
          throw new AthanorError('train/diverged', 'the run diverged at step 20; lower the learning rate')
        },
      },
      { tty: true },
    )
    expect([code, out]).toEqual([1, ''])
    expect(err.endsWith('\r\x1b[Kathanor: the run diverged at step 20; lower the learning rate\n')).toBe(true)
  })

  test('--list-presets names the presets', async () => {
    const { out } = await athanor(['pretrain', '--list-presets', '--json'], { presets: library.presets })
    expect((JSON.parse(out) as { name: string }[]).map(({ name }) => name)).toContain('nanogpt-char-cpu')
  })
})

describe('generate', () => {
  const model = { dir: 'm', tokenizer: undefined } as LanguageModel

  test('--json prints the ids', async () => {
    let given: unknown
    const argv =
      'generate --model m --prompt-tokens 1,2 --max-tokens 3 --temperature 0 --top-k 5 --top-p 0.9 --min-p 0.1 --repetition-penalty 1.1 --stop a b --seed 9 --json'
    const { code, out, err } = await athanor(argv.split(' '), {
      loadModel: async () => model,
      generate: async (_, { onToken, signal, ...options }) => {
        given = options
        for (const token of [3, 4, 5]) onToken?.(token, '')
        return { tokens: [3, 4, 5], text: 'xyz', finish: 'length', promptTokens: [1, 2] }
      },
    })
    expect([code, err]).toEqual([0, ''])
    expect(JSON.parse(out)).toEqual({
      tokens: [3, 4, 5],
      text: 'xyz',
      promptTokens: [1, 2],
      finish: 'length',
      tokensPerSecond: 0,
    })
    expect(given).toEqual({
      prompt: [1, 2],
      maxTokens: 3,
      temperature: 0,
      topK: 5,
      topP: 0.9,
      minP: 0.1,
      repetitionPenalty: 1.1,
      stop: ['a', 'b'],
      seed: 9,
    })
  })
})

describe('tokenizer', () => {
  const real = {
    readTextFiles: library.readTextFiles,
    trainBpe: library.trainBpe,
    trainCharTokenizer: library.trainCharTokenizer,
    saveTokenizer: library.saveTokenizer,
    loadTokenizer: library.loadTokenizer,
  }
  const folder = () => mkdtemp(join(tmpdir(), 'athanor-cli-'))

  test('trains, encodes and decodes', async () => {
    const dir = await folder()
    const data = join(dir, 'text.txt')
    await writeFile(data, 'the cat and the hat and the bat\n'.repeat(50))
    const out = join(dir, 'tokenizer')
    const trained = await athanor(
      ['tokenizer', 'train', '--data', data, '--vocab-size', '262', '--out', out, '--json'],
      real,
    )
    expect(trained).toMatchObject({ code: 0 })
    expect(JSON.parse(trained.out)).toEqual({ dir: out, vocabSize: 262 })

    const encoded = await athanor(['tokenizer', 'encode', '--tokenizer', out], real, { stdin: 'the hat' })
    expect(encoded.code).toBe(0)
    const decoded = await athanor(['tokenizer', 'decode', '--tokenizer', out], real, { stdin: encoded.out })
    expect(decoded.out).toBe('the hat\n')
    const { tokens } = JSON.parse(
      (await athanor(['tokenizer', 'encode', '--tokenizer', out, '--text', 'the hat', '--json'], real)).out,
    ) as { tokens: number[] }
    expect(`${tokens.join(',')}\n`).toBe(encoded.out)
    expect(
      await athanor(
        ['tokenizer', 'decode', '--tokenizer', out, '--tokens', tokens.join(','), '--json'],
        real,
      ),
    ).toMatchObject({ out: '{"text":"the hat"}\n' })
  })

  test('makes a character tokenizer, and does not write over one', async () => {
    const dir = await folder()
    const data = join(dir, 'text.txt')
    await writeFile(data, 'héllo')
    const argv = ['tokenizer', 'train', '--data', data, '--char', '--out', dir]
    expect(await athanor(argv, real)).toMatchObject({ code: 0, out: `A tokenizer of 4 tokens, in ${dir}\n` })
    const again = await athanor(argv, real)
    expect(again.code).toBe(1)
    expect(again.err).toContain('already holds a tokenizer')
    expect(await athanor([...argv, '--overwrite'], real)).toMatchObject({ code: 0 })
  })

  test.each([
    [['encode', '--tokenizer', 'nowhere', '--text', 'x'], 'No tokenizer in nowhere'],
    [
      ['train', '--data', 'nowhere.txt', '--char', '--out', 'never-made'],
      'there is no file or folder nowhere.txt',
    ],
  ])('%j: what the library refuses is one line, exit code 1', async (argv, problem) => {
    const { code, out, err } = await athanor(['tokenizer', ...argv], real)
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain(problem)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
  })

  test('refuses ids on standard input that are none', async () => {
    const dir = await folder()
    await writeFile(join(dir, 'text.txt'), 'abc')
    await athanor(['tokenizer', 'train', '--data', dir, '--char', '--out', dir], real)
    const { code, err } = await athanor(['tokenizer', 'decode', '--tokenizer', dir], real, {
      stdin: '1 two 3',
    })
    expect(code).toBe(2)
    expect(err).toContain('standard input does not hold token ids: "two" is not a whole number')
  })
})

test('eval perplexity prints what it measured', async () => {
  const measured = { loss: 1.5, perplexity: 4.48, bitsPerByte: 1.2, tokens: 1000, bytes: 1800 }
  const functions: Partial<Library> = {
    loadModel: async () => ({ dir: 'm' }) as LanguageModel,
    readTextFiles: async function* () {
      yield { id: 'a', title: 'a', text: 'one' }
    },
    perplexity: async (_, texts, { stride }) => {
      expect(stride).toBe(8)
      const read: string[] = []
      for await (const text of texts) read.push(text)
      expect(read).toEqual(['one'])
      return measured
    },
  }
  const argv = ['eval', 'perplexity', '--model', 'm', '--data', 'a', '--stride', '8']
  expect(JSON.parse((await athanor([...argv, '--json'], functions)).out)).toEqual(measured)
  expect((await athanor(argv, functions)).out).toContain('bits per byte  1.2000')
})

test('speedrun hands its flags to the recipe and shows the exam', async () => {
  const given: unknown[] = []
  const done: SpeedrunResult = {
    dir: 'o',
    model: 'o/ppo',
    report: { markdown: 'o/report.md', html: 'o/report.html', json: 'o/report.json' },
    exam: {
      stages: ['base', 'SFT', 'PPO'],
      suites: [{ suite: 'refusal', rates: [0, 0.9, 1] }],
      preference: { wins: 5, ties: 2, losses: 1, kl: 0.5 },
      samples: [{ prompt: ['Capital of France?', 'Paris.', 'Of Spain?'], answer: 'Madrid.' }],
    },
    finished: true,
    seconds: 61,
  }
  const functions: Partial<Library> = {
    speedrun: async ({ signal, onEvent, ...options }) => {
      given.push(options)
      return done
    },
  }
  const started = await athanor('speedrun --corpus my.txt --out o --seed 2 --threads 1'.split(' '), functions)
  expect(started.code).toBe(0)
  expect(started.out).toContain('chat --model o/ppo')
  expect(started.out).toContain('o/report.html')
  expect(started.out).toMatch(/refusal +0 % +90 % +100 %/)
  expect(started.out).toContain('  > Capital of France?\n    Paris.\n  > Of Spain?\n    Madrid.\n')
  await athanor('speedrun --preset small --larger --ablations --out o'.split(' '), functions)
  await athanor('speedrun --out o --resume'.split(' '), functions)
  expect(given).toEqual([
    { corpus: ['my.txt'], out: 'o', seed: 2, threads: 1, resume: 'never' },
    { preset: 'small', larger: true, ablations: true, out: 'o', resume: 'never' },
    { out: 'o', resume: 'must' },
  ])
  expect(JSON.parse((await athanor(['speedrun', '--json'], functions)).out)).toEqual(done)
})
