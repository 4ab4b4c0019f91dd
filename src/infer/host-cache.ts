/** Keys and values of all layers, in memory that programs update in place. */
import { cacheHeadDim, type GptConfig } from '../models/index.js'
import { NDArray } from '../tensor/index.js'

/** One layer: [rows, G, P, D] each, with room for P positions. */
export interface HostCache {
  readonly keys: NDArray
  readonly values: NDArray
}

/** One empty cache for each layer. */
export function emptyCaches(config: GptConfig, rows: number, positions: number): HostCache[] {
  const shape = [rows, config.nKvHead, positions, cacheHeadDim(config)]
  return Array.from({ length: config.nLayer }, () => ({
    keys: NDArray.zeros(shape),
    values: NDArray.zeros(shape),
  }))
}

/** The rows [from, to) of caches, as views. */
export function cacheWindow(caches: readonly HostCache[], from: number, to: number): HostCache[] {
  return caches.map(({ keys, values }) => ({
    keys: rowsOf(keys, from, to),
    values: rowsOf(values, from, to),
  }))
}

/** Puts a row's new cache back, where the device did not update it in place. */
export function putRow(caches: readonly HostCache[], row: number, updated: readonly HostCache[]): void {
  const put = (array: NDArray, part: NDArray) => {
    const place = rowsOf(array, row, row + 1).data as Float32Array
    const data = part.data as Float32Array
    if (data.buffer !== place.buffer || data.byteOffset !== place.byteOffset) place.set(data)
  }
  updated.forEach(({ keys, values }, layer) => {
    put(caches[layer]!.keys, keys)
    put(caches[layer]!.values, values)
  })
}

/** Copies the first `length` positions of row `from` of `part` [n, G, T, D] to row `row` of the cache [B, G, P, D or wider]. */
export function putStart(cache: NDArray, row: number, part: NDArray, from: number, length: number): void {
  const [, groups, capacity, wide] = cache.shape as [number, number, number, number]
  const [, , positions, width] = part.shape as [number, number, number, number]
  const [to, source] = [cache.data as Float32Array, part.data as Float32Array]
  for (let g = 0; g < groups; g++) {
    const out = (row * groups + g) * capacity * wide
    const at = (from * groups + g) * positions * width
    if (wide === width) to.set(source.subarray(at, at + length * width), out)
    else {
      for (let t = 0; t < length; t++)
        to.set(source.subarray(at + t * width, at + (t + 1) * width), out + t * wide)
    }
  }
}

/** The rows [from, to) of an array, as a view. */
export function rowsOf({ data, shape }: NDArray, from: number, to: number): NDArray {
  const [count, ...rest] = shape as [number, ...number[]]
  const size = data.length / count
  return new NDArray('f32', [to - from, ...rest], (data as Float32Array).subarray(from * size, to * size))
}
