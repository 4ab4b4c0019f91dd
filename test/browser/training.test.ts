/**
 * The same ten training steps on every device. Chromium is found through ATHANOR_CHROMIUM or in its usual places; WebGPU in
 * Node needs a GPU, or the software GPU that docs/devices.md describes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeDevice } from '../../src/tensor/device/node.js'
import { webgpuDevice } from '../../src/tensor/testing/software-gpu.js'
import { chromiumPath, launch } from './chromium.js'
import type { PageResult } from './page.js'
import { type Site, serve } from './serve.js'
import { type TrainingRun, train } from './training.js'

/** Losses on all devices agree to this after ten steps: sums are taken in other orders, exp and tanh are other code. */
const TOLERANCE = 2e-5

const models = ['athanor', 'gpt2'] as const
const webgpu = await webgpuDevice()
const references: Record<string, TrainingRun> = {}

beforeAll(async () => {
  for (const model of models) references[model] = await train(nodeDevice('cpu', { threads: 1 }), model)
})

function expectSameTraining(run: TrainingRun, model: (typeof models)[number]): void {
  const reference = references[model]!
  expect(run.losses).toHaveLength(reference.losses.length)
  run.losses.forEach((loss, i) => {
    expect(Math.abs(loss - reference.losses[i]!), `loss of step ${i + 1}`).toBeLessThan(TOLERANCE)
  })
  expect(Math.abs(run.norm / reference.norm - 1)).toBeLessThan(1e-5)
}

describe('training on the CPU', () => {
  it.each(models)('learns (%s)', (model) => {
    const { losses, resident } = references[model]!
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.3)
    expect(resident).toBe(false)
  })
})

describe.skipIf(!webgpu)(
  `training on WebGPU in Node${webgpu ? '' : ' (skipped: no GPU found, nor the software GPU of Chromium)'}`,
  () => {
    it.each(models)('gives the losses of the CPU, with the state in device memory (%s)', async (model) => {
      const run = await train(webgpu!, model)
      expect(run.resident).toBe(true)
      expectSameTraining(run, model)
    })
  },
)

describe.skipIf(!chromiumPath)(
  `training in a browser${chromiumPath ? '' : ' (skipped: no Chromium; set ATHANOR_CHROMIUM)'}`,
  () => {
    let site: Site
    let browser: Browser
    let folder: string

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'athanor-page-'))
      await build({
        configFile: false,
        root: import.meta.dirname,
        logLevel: 'error',
        build: { outDir: folder, target: 'esnext', minify: false, reportCompressedSize: false },
      })
      site = await serve(folder)
      browser = await launch()
    })

    afterAll(async () => {
      await browser?.close()
      await site?.close()
      if (folder) rmSync(folder, { recursive: true })
    })

    async function open(query: string): Promise<PageResult> {
      const page = await browser.newPage()
      try {
        await page.goto(`${site.url}?${query}`)
        await page.waitForFunction('globalThis.result')
        return (await page.evaluate('globalThis.result')) as PageResult
      } finally {
        await page.close()
      }
    }

    it.each([1, 2])('gives the losses of the CPU in WebAssembly with %i thread(s)', async (threads) => {
      const { run, isolated, together, error } = await open(`device=wasm&threads=${threads}&model=gpt2`)
      expect(error).toBeUndefined()
      expect(isolated).toBe(true)
      expect(together).toEqual([6, 15])
      expectSameTraining(run!, 'gpt2')
    })

    it('gives the losses of the CPU on WebGPU, with the state in device memory', async () => {
      const { run, together, error } = await open('device=webgpu')
      expect(error).toBeUndefined()
      expect(together).toEqual([6, 15])
      expect(run!.resident).toBe(true)
      expectSameTraining(run!, 'athanor')
    })
  },
)
