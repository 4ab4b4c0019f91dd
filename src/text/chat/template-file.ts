import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errorCode, toStorageError } from '../../atomic.js'
import { decodeUtf8 } from '../unicode.js'
import { ChatError } from './errors.js'

/** One template, or several by name, of which `default` is for plain chat and `tool_use` for tools. */
const templateSchema = z.union([
  z.string(),
  z.array(z.object({ name: z.string(), template: z.string() })).transform((named) => {
    return (named.find(({ name }) => name === 'default') ?? named[0])?.template
  }),
])
const configSchema = z.looseObject({ chat_template: templateSchema.nullish() })

/**
 * The chat template of a model's folder: `chat_template.jinja`, or `chat_template` in `chat_template.json` or `tokenizer_config.json`.
 * @throws ChatError `chat_template` where it is no text; StorageError
 */
export async function readChatTemplate(dir: string): Promise<string | undefined> {
  const source = await readIfThere(join(dir, 'chat_template.jinja'))
  if (source !== undefined) return source
  for (const name of ['chat_template.json', 'tokenizer_config.json']) {
    const path = join(dir, name)
    const text = await readIfThere(path)
    if (text === undefined) continue
    const parsed = configSchema.safeParse(parseJson(text, path))
    if (!parsed.success) {
      throw new ChatError('chat_template', `${path}: "chat_template" must be text; fetch the file again`)
    }
    if (parsed.data.chat_template) return parsed.data.chat_template
  }
  return undefined
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return decodeUtf8(await readFile(path), path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw toStorageError(error, 'read', path)
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ChatError(
      'chat_template',
      `${path} is not JSON: ${(cause as Error).message}; fetch the file again`,
      { cause },
    )
  }
}
