// A stage that trains nothing: it reports steps, saves after each, stops in good order at SIGINT, and goes on with --resume.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [, , stage, ...args] = process.argv
const value = (flag) => args.find((arg) => arg.startsWith(`--${flag}=`))?.slice(flag.length + 3)
const resumed = value('resume')
const dir = resumed ?? value('out')
const steps = Number(process.env.FAKE_STEPS ?? 5)
const pause = Number(process.env.FAKE_MILLISECONDS ?? 20)
const emit = (event) =>
  appendFileSync(process.env.ATHANOR_EVENTS, `${JSON.stringify({ time: Date.now(), ...event })}\n`)
const state = join(dir, 'checkpoints', 'step-000001')
const at = resumed ? Number(readFileSync(join(state, 'step'), 'utf8')) : 0

let stop = false
const deaf = process.env.FAKE_DEAF === '1'
process.on('SIGINT', () => {
  if (!deaf) stop = true
})
console.log(`fake ${stage} ${args.join(' ')}`)
if (process.env.FAKE_CRASH === '1') {
  console.error('no such luck')
  process.exit(3)
}
if (!existsSync(state)) mkdirSync(state, { recursive: true })
for (let step = at + 1; step <= steps; step++) {
  await new Promise((resolve) => setTimeout(resolve, pause))
  emit({
    type: 'step',
    step,
    steps,
    loss: 3 / step,
    lr: 0.1,
    gradNorm: 1,
    tokensPerSecond: 1000,
    secondsLeft: steps - step,
  })
  writeFileSync(join(state, 'step'), String(step))
  appendFileSync(join(dir, 'metrics.jsonl'), `${JSON.stringify({ step, loss: 3 / step })}\n`)
  if (process.env.FAKE_FAIL === '1') {
    emit({ type: 'end', code: 1, error: { code: 'train/diverged', message: 'the loss is not finite' } })
    process.exit(1)
  }
  if (stop) {
    emit({ type: 'end', code: 130, stopped: true })
    process.exit(130)
  }
}
emit({ type: 'end', code: 0 })
