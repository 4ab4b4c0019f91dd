/**
 * The folders that clients may name: `runs/…`, `data/…`, and `models/NAME[/VERSION]` for what is registered. Nothing outside of
 * them can be read or written through the server, whatever a path says and wherever a link leads.
 */
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { errorCode, toStorageError } from '../../atomic.js'
import type { Store } from '../../store/index.js'
import { badRequest } from '../errors.js'

export type WorkspaceRoot = 'runs' | 'data'

export interface WorkspaceFile {
  /** `data/books/a.txt`. */
  readonly path: string
  readonly bytes: number
}

export interface Workspace {
  readonly roots: Readonly<Record<WorkspaceRoot, string>>
  /**
   * The absolute path of what a client names.
   * @throws ApiError 400 where it is no such path, leads outside, or is not there
   */
  resolve(path: string, param?: string): Promise<string>
  /** How clients name an absolute path; undefined for one outside. */
  show(path: string): string | undefined
  /** Files that could be trained on, and folders with a model. */
  list(): Promise<{ readonly files: readonly WorkspaceFile[]; readonly models: readonly string[] }>
}

const MAX_PATH = 1000
const MAX_ENTRIES = 2000
const MAX_DEPTH = 4
const readable = /\.(jsonl?|txt|md|html?|csv|tsv|parquet)(\.gz)?$/i
/** What programs leave beside the data in a run or a model folder. */
const notData =
  /-gold\.jsonl$|^(checkpoint|config|tokenizer(_config)?|generation_config|special_tokens_map|trainer|manifest|speedrun|job|report|reward|data-card|build|corpus|model\.safetensors\.index)\.json$|^(metrics|events)\.jsonl$|^(report|data-card|README|SOURCE)\.(md|html)$/
const notFolders = new Set(['checkpoints', 'train', 'heldout', 'node_modules', 'answers'])

export function createWorkspace(
  { runs, data }: { readonly runs: string; readonly data: string },
  store: Pick<Store, 'models'>,
): Workspace {
  const roots = { runs: resolve(runs), data: resolve(data) }
  return {
    roots,
    async resolve(path, param) {
      const [root, ...rest] = partsOf(path, param)
      if (root === 'models') return modelDirectory(store, rest, path, param)
      if (root !== 'runs' && root !== 'data')
        throw badRequest(`${quoted(path)} must begin with runs/, data/ or models/`, param, 'invalid_path')
      return inside(roots[root], rest, path, param)
    },
    show(path) {
      for (const [name, root] of Object.entries(roots)) {
        const rest = relative(root, resolve(path))
        if (rest === '') return name
        if (!rest.startsWith('..') && resolve(root, rest) === resolve(path) && rest !== path)
          return `${name}/${rest.split(sep).join('/')}`
      }
      return undefined
    },
    async list() {
      const found = { files: [] as WorkspaceFile[], models: [] as string[] }
      await walk(roots.data, 'data', 0, found)
      await walk(roots.runs, 'runs', 0, found)
      return found
    },
  }
}

/** A name that is safe as one folder on every system. */
export const plainName = /^(?!\.)(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[\w.-]{1,64}(?<!\.)$/i

function partsOf(path: string, param: string | undefined): string[] {
  if (path.length > MAX_PATH || path === '')
    throw badRequest('a path must have 1 to 1000 characters', param, 'invalid_path')
  const parts = path.replace(/\/$/, '').split('/')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is refused
  const isPlain = (part: string) => part !== '' && !part.startsWith('.') && !/[\\:\u0000-\u001f]/.test(part)
  if (!parts.every(isPlain))
    throw badRequest(
      `${quoted(path)} is no path in the workspace; write one as runs/sft or data/books.txt`,
      param,
      'invalid_path',
    )
  return parts
}

async function inside(root: string, rest: readonly string[], shown: string, param: string | undefined) {
  try {
    const [base, target] = await Promise.all([realpath(root), realpath(join(root, ...rest))])
    if (target === base || target.startsWith(base + sep)) return target
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errorCode(error) ?? ''))
      throw toStorageError(error, 'look at', join(root, ...rest))
    throw badRequest(`there is no ${quoted(shown)} in the workspace`, param, 'path_not_found')
  }
  throw badRequest(`${quoted(shown)} leads out of the workspace`, param, 'invalid_path')
}

async function modelDirectory(
  { models }: Pick<Store, 'models'>,
  [name, version, ...more]: readonly string[],
  shown: string,
  param: string | undefined,
) {
  const model = name === undefined || more.length > 0 ? undefined : await models.find(name)
  const versions = model ? await models.versions(model.name) : []
  const found = versions.find((each) => each.version === (version ?? model?.live))
  if (!found) throw badRequest(`there is no model ${quoted(shown)}`, param, 'model_not_found')
  return found.dir
}

async function walk(
  dir: string,
  shown: string,
  depth: number,
  found: { files: WorkspaceFile[]; models: string[] },
): Promise<void> {
  if (depth > MAX_DEPTH || found.files.length >= MAX_ENTRIES || found.models.length >= MAX_ENTRIES) return
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  const isModel = entries.some(({ name }) => name === 'config.json')
  if (isModel) found.models.push(shown)
  for (const entry of entries) {
    const { name } = entry
    if (name.startsWith('.')) continue
    if (entry.isDirectory() && !notFolders.has(name) && !(isModel && name === 'data'))
      await walk(join(dir, name), `${shown}/${name}`, depth + 1, found)
    else if (entry.isFile() && readable.test(name) && !notData.test(name)) {
      const size = await stat(join(dir, name)).then(
        (file) => file.size,
        () => 0,
      )
      if (size > 0 && found.files.length < MAX_ENTRIES)
        found.files.push({ path: `${shown}/${name}`, bytes: size })
    }
  }
}

const quoted = (path: string) => JSON.stringify(path.length > 100 ? `${path.slice(0, 100)}…` : path)
