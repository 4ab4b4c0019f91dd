import { readFile, writeFile } from 'node:fs/promises'
import { openRun } from '../run-directory.js'
import { openSafetensors, writeSafetensors } from '../safetensors-file.js'

/**
 * A trainer in miniature, to be killed at any moment: `node checkpoint-writer.js RUN_DIRECTORY`. Resumes, checks that model and trainer
 * state belong together, then saves checkpoint after checkpoint. Prints "resumed N" and "saved N".
 */
const dir = process.argv[2]!
const run = await openRun(dir, { mode: 'auto' })
let step = 0
if (run.latest) {
  step = run.latest.step
  const reader = await openSafetensors(run.latest.path('model.safetensors'))
  const { data } = await reader.read('w')
  await reader.close()
  const trainer = JSON.parse(await readFile(run.latest.path('trainer.json'), 'utf8'))
  if (trainer.step !== step || data[0] !== step || data.at(-1) !== step)
    throw new Error(`torn checkpoint at ${step}`)
}
process.stdout.write(`resumed ${step} skipped ${run.skipped.length}\n`)
for (;;) {
  step++
  await run.appendMetrics({ step, loss: 1 / step })
  await run.saveCheckpoint(step, {
    'model.safetensors': (path) =>
      writeSafetensors(path, {
        w: { dtype: 'f32', shape: [20_000], data: new Float32Array(20_000).fill(step) },
      }),
    'trainer.json': (path) => writeFile(path, JSON.stringify({ step })),
  })
  process.stdout.write(`saved ${step}\n`)
}
