/** The floors of the house: who may import whom, and which code must run in a browser. */
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, relative, resolve, sep } from 'node:path'
import { describe, expect, it } from 'vitest'

const source = resolve(import.meta.dirname, '../src')

/** A folder imports from lower floors only; files directly in src/ are below all. */
const floors: Readonly<Record<string, number>> = {
  tensor: 1,
  nn: 2,
  optim: 2,
  text: 2,
  models: 3,
  data: 3,
  hub: 3,
  store: 3,
  infer: 4,
  train: 5,
  eval: 5,
  compress: 5,
  plan: 5,
  cluster: 5,
  serve: 6,
  recipes: 6,
  bench: 6,
  cli: 7,
}

/** Folders that run in a browser as well as in Node, and their files that are for Node alone. */
const portable = ['tensor', 'nn', 'optim', 'models']
const nodeOnly = /^tensor[\\/]device[\\/]node\.ts$/

interface Import {
  readonly file: string
  readonly target: string
}

/** The parts of a program that only its tests load. */
const isTest = (file: string) => /\.test\.ts$|[\\/](testing|fixtures)[\\/]/.test(file)

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !isTest(file),
)

const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(source, file), 'utf8')
  const found = text.matchAll(
    /(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*|\brequire\s*\(\s*)['"]([^'"\n]+)['"]/g,
  )
  return Array.from(found, (match) => ({ file, target: match[1]! }))
})

const folderOf = (file: string): string | undefined => (file.includes(sep) ? file.split(sep)[0] : undefined)

describe('the floors', () => {
  it('are known for every folder of src', () => {
    const folders = new Set(files.map(folderOf).filter((folder) => folder !== undefined))
    expect([...folders].filter((folder) => !(folder in floors))).toEqual([])
  })

  it('are only ever imported from above', () => {
    const wrong = imports.flatMap(({ file, target }) => {
      if (!target.startsWith('.')) return []
      const from = folderOf(file)
      const to = folderOf(relative(source, resolve(source, file, '..', target)))
      if (from === to || to === undefined) return []
      return from !== undefined && floors[from]! > floors[to]! ? [] : [`${file} imports ${target}`]
    })
    expect(wrong).toEqual([])
  })

  it('leave Node out of what runs in a browser', () => {
    const wrong = imports.flatMap(({ file, target }) => {
      if (!portable.includes(folderOf(file) ?? '') || nodeOnly.test(file)) return []
      const node =
        target.startsWith('node:') || builtinModules.includes(target) || target === 'onnxruntime-node'
      const barrier = target.endsWith('/node.js')
      return node || barrier ? [`${file} imports ${target}`] : []
    })
    expect(wrong).toEqual([])
  })
})
