/** Compile when called: a function whose arguments come in several shapes. */
import { type Compiled, type CompileOptions, type Computed, compile, type Traced } from './compile.js'
import type { NDArray } from './ndarray.js'
import { formatType } from './tensor.js'
import { leavesWithPaths, type Tree } from './tree.js'

export interface Jitted<Args extends readonly unknown[], R> {
  (...args: Args): Promise<Computed<R>>
  /** Compiles for the shapes of these arguments without running. */
  prepare(...args: Args): Promise<void>
  /** Frees every session. */
  dispose(): Promise<void>
}

/**
 * A function that is compiled for the shapes of its arguments at the first call that brings them, as `jax.jit`. Each new set
 * of shapes costs a compilation (a fraction of a second) and memory: round sizes up, so that few different ones come.
 * @throws as `compile`
 */
export function jit<Args extends readonly unknown[], R>(
  fn: (...args: { -readonly [K in keyof Args]: Traced<Args[K]> } & unknown[]) => R,
  options: CompileOptions,
): Jitted<Args, R> {
  const programs = new Map<string, Promise<Compiled<unknown[], unknown>>>()
  const frozen = new WeakMap<NDArray, number>()
  let next = 0
  const idOf = (array: NDArray) => {
    const id = frozen.get(array) ?? next++
    frozen.set(array, id)
    return id
  }
  const programFor = (args: Args) => {
    const types = leavesWithPaths<NDArray>(args as unknown as Tree<NDArray>).map(
      ([path, array]) => `${path}:${formatType(array)}${array.frozen ? `#${idOf(array)}` : ''}`,
    )
    const signature = types.join(' ')
    let program = programs.get(signature)
    if (!program) {
      // One program may keep its memory; with more, what they keep adds up to gigabytes.
      const keepMemory = options.keepMemory ?? programs.size === 0
      program = compile(fn as never, [...args], { ...options, keepMemory }) as unknown as Promise<
        Compiled<unknown[], unknown>
      >
      programs.set(signature, program)
      program.catch(() => programs.delete(signature))
    }
    return program
  }
  const run = async (...args: Args) => (await (await programFor(args))(...args)) as Computed<R>
  const prepare = async (...args: Args) => {
    await programFor(args)
  }
  const dispose = async () => {
    const built = [...programs.values()]
    programs.clear()
    await Promise.all(
      built.map((each) =>
        each.then(
          (program) => program.dispose(),
          () => undefined,
        ),
      ),
    )
  }
  return Object.assign(run, { prepare, dispose })
}
