/** PyTorch beside us, where a Python with torch is installed. Nothing else in Athanor needs it. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Case, learning } from './cases.js'
import { Peer } from './peer.js'

const run = promisify(execFile)

/** It stays in the sources: Python reads it as it is. */
const script = fileURLToPath(new URL('../../src/bench/pytorch_bench.py', import.meta.url))

export interface PyTorch {
  readonly python: string
  readonly version: string
  readonly threads: number
}

/** Finds a Python that can import torch: `PYTHON`, or the first on the path. */
export async function findPyTorch(threads: number): Promise<PyTorch | { readonly missing: string }> {
  if (!existsSync(script)) return { missing: `${script} is not there; run the bench in a clone` }
  const candidates = process.env.PYTHON ? [process.env.PYTHON] : ['python3', 'python']
  for (const python of candidates) {
    try {
      const { stdout } = await run(python, ['-c', 'import torch; print(torch.__version__)'], {
        timeout: 120_000,
      })
      return { python, version: stdout.trim(), threads }
    } catch {
      // Not this one.
    }
  }
  return { missing: `no Python with torch (tried ${candidates.join(', ')}; set PYTHON to choose one)` }
}

/** The fastest of torch's implementations of AdamW for a case: tried in a process of its own, which costs memory. */
export async function fastestAdamW(torch: PyTorch, chosen: Case, weights: string): Promise<string> {
  const options = JSON.stringify(optionsOf(torch, chosen, weights, 'choose'))
  const { stdout } = await run(torch.python, [script, options], { env: environment(torch) })
  return (JSON.parse(stdout) as { optimizer: string }).optimizer
}

/** Starts the training steps of a case, eager or through torch.compile (which compiles in the first step). */
export function startPyTorch(
  torch: PyTorch,
  chosen: Case,
  weights: string,
  optimizer: string,
  compile: boolean,
): Promise<Peer> {
  const options = { ...optionsOf(torch, chosen, weights, 'measure'), optimizer, compile }
  const what = `PyTorch ${compile ? 'compiled' : 'eager'}, ${chosen.name}`
  return Peer.start(what, torch.python, [script, JSON.stringify(options)], environment(torch))
}

function optionsOf({ threads }: PyTorch, shape: Case, weights: string, role: 'choose' | 'measure') {
  return { role, shape, learning: learning[shape.task], weights, threads }
}

function environment({ threads }: PyTorch): NodeJS.ProcessEnv {
  return { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) }
}
