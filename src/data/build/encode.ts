/** One shard of documents into token shards. */
import { dirname, join } from 'node:path'
import { makeDirectory, writeDirectoryAtomic, writeFileAtomic } from '../../atomic.js'
import { loadTokenizer } from '../../text/index.js'
import { writeShards } from '../shards.js'
import { readDocuments } from './document-shards.js'
import { CUT, HELD_OUT, TRAIN } from './mixture.js'

export interface EncodeSetup {
  readonly tokenizer: string
}

export interface EncodeJob {
  /** The shard of documents. */
  readonly documents: string
  readonly actions: Uint8Array
  readonly cut: number
  /** The folder that is made: `train/` and `heldout/` where there are any, and `counts.json`. */
  readonly out: string
}

export interface EncodeCounts {
  readonly documents: number
  readonly tokens: number
  readonly bytes: number
  readonly heldOutDocuments: number
  readonly heldOutTokens: number
  readonly heldOutBytes: number
}

export async function createShardEncoder({
  tokenizer: dir,
}: EncodeSetup): Promise<(job: EncodeJob) => Promise<EncodeCounts>> {
  const tokenizer = await loadTokenizer(dir)
  const options = {
    vocabSize: tokenizer.vocabSize,
    ...(tokenizer.eosId === undefined ? {} : { separator: tokenizer.eosId }),
  }
  return async ({ documents, actions, cut, out }) => {
    const bytes = { train: 0, heldOut: 0 }
    const texts = async function* (which: 'train' | 'heldOut') {
      let index = 0
      const whole = which === 'train' ? TRAIN : HELD_OUT
      for await (const { text } of readDocuments(documents)) {
        const action = actions[index++]
        if (action !== whole && action !== CUT) continue
        const part = action === CUT ? cutAt(text, cut, which) : text
        bytes[which] += Buffer.byteLength(part)
        yield tokenizer.encode(part)
      }
    }
    const counts = { tokens: 0, documents: 0 }
    await makeDirectory(dirname(out))
    let result: EncodeCounts | undefined
    await writeDirectoryAtomic(out, async (folder) => {
      const has = (wanted: number) => actions.some((action) => action === wanted || action === CUT)
      const train = has(TRAIN) ? await writeShards(join(folder, 'train'), texts('train'), options) : counts
      const heldOut = has(HELD_OUT)
        ? await writeShards(join(folder, 'heldout'), texts('heldOut'), options)
        : counts
      result = {
        documents: train.documents,
        tokens: train.tokens,
        bytes: bytes.train,
        heldOutDocuments: heldOut.documents,
        heldOutTokens: heldOut.tokens,
        heldOutBytes: bytes.heldOut,
      }
      await writeFileAtomic(join(folder, 'counts.json'), JSON.stringify(result))
    })
    return result!
  }
}

/** The first `points` code points, or what is after them. */
function cutAt(text: string, points: number, which: 'train' | 'heldOut'): string {
  let at = 0
  for (let i = 0; i < points && at < text.length; i++) at += text.codePointAt(at)! > 0xffff ? 2 : 1
  return which === 'train' ? text.slice(0, at) : text.slice(at)
}
