/**
 * How the bench talks to the processes it measures, ours and PyTorch's: one JSON object a line. A process says `Ready`, then
 * answers each `Request` on its standard input with a `Burst`, and ends when its input ends.
 */
import { createInterface } from 'node:readline'
import { z } from 'zod'

export interface Request {
  /** Go on for at least this long ... */
  readonly seconds: number
  /** ... and for at least so many repetitions. */
  readonly count: number
}

export const readySchema = z.object({
  /** Highest resident memory with the runtime loaded and nothing done. */
  baselineMemoryBytes: z.number(),
  compileSeconds: z.number().optional(),
  /** Work of one repetition. */
  flops: z.number().optional(),
  tokens: z.number().optional(),
  parameters: z.number().optional(),
})

export const burstSchema = z.object({
  /** Time of each repetition. */
  seconds: z.array(z.number()).min(1),
  /** Loss of each training step. */
  losses: z.array(z.number()).optional(),
  /** Seconds of the pieces of each repetition, where it has some. */
  parts: z.record(z.string(), z.array(z.number())).optional(),
  /** Highest resident memory so far. */
  peakMemoryBytes: z.number(),
})

export type Ready = z.output<typeof readySchema>
export type Burst = z.output<typeof burstSchema>

/** Highest resident memory of this process so far. */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024
}

/** What a repetition has to tell: its loss, or the seconds of its pieces. */
export type Told = number | Readonly<Record<string, number>> | undefined

/** The measured side: announces itself, and repeats `work` as it is told. */
export async function answerRequests(ready: Ready, work: () => Promise<Told>): Promise<void> {
  const send = (message: Ready | Burst) => process.stdout.write(`${JSON.stringify(message)}\n`)
  send(ready)
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request
    const seconds: number[] = []
    const losses: number[] = []
    const parts: Record<string, number[]> = {}
    const end = performance.now() + 1000 * request.seconds
    while (seconds.length < request.count || performance.now() < end) {
      const start = performance.now()
      const told = await work()
      seconds.push((performance.now() - start) / 1000)
      if (typeof told === 'number') losses.push(told)
      for (const [name, value] of Object.entries(typeof told === 'object' ? told : {})) {
        parts[name] = [...(parts[name] ?? []), value]
      }
    }
    send({ seconds, losses, parts, peakMemoryBytes: peakMemory() })
  }
}
