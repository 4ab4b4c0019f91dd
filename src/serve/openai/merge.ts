/** Several texts written at the same time, in the order in which their pieces come. */

/**
 * The items of all iterables with the place of the iterable that gave them. One that fails ends all of them; so does leaving the loop.
 */
export async function* merge<T>(
  iterables: readonly AsyncIterable<T>[],
): AsyncGenerator<readonly [index: number, item: T], void, undefined> {
  const iterators = iterables.map((iterable) => iterable[Symbol.asyncIterator]())
  const next = async (index: number) => ({ index, result: await iterators[index]!.next() })
  const pending = new Map(iterators.map((_, index) => [index, next(index)]))
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values())
      if (result.done) pending.delete(index)
      else {
        pending.set(index, next(index))
        yield [index, result.value]
      }
    }
  } finally {
    for (const [index, promise] of pending) {
      promise.catch(() => {})
      void Promise.resolve(iterators[index]!.return?.()).catch(() => {})
    }
  }
}
