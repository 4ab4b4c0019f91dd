import { describe, expect, it } from 'vitest'
import { rewardBatches, sftBatches } from './assistant.js'
import { caseOf } from './cases.js'

const values = (batch: Readonly<Record<string, { data: ArrayLike<unknown> }>>, name: string) =>
  Array.from(batch[name]!.data as ArrayLike<number>)

describe('the batches of the stages', () => {
  it('have packed dialogues, all of one shape, partly learnt', () => {
    const batches = sftBatches(caseOf('sft'))
    for (const batch of batches) expect(batch.ids!.shape).toEqual([8, 256])
    const targets = batches.flatMap((batch) => values(batch, 'targets'))
    const learnt = targets.filter((id) => id >= 0).length / targets.length
    expect(learnt).toBeGreaterThan(0.3)
    expect(learnt).toBeLessThan(0.8)
    expect(Math.max(...values(batches[0]!, 'documents'))).toBeGreaterThan(0)
  })

  it('compare every answer with the others to its prompt', () => {
    const [batch] = rewardBatches(caseOf('reward'))
    const [better, worse] = [values(batch!, 'better'), values(batch!, 'worse')]
    expect(better).toHaveLength(8 * 6)
    better.forEach((a, i) => {
      expect(Math.floor(a / 4)).toBe(Math.floor(worse[i]! / 4))
      expect(a).toBeLessThan(worse[i]!)
    })
    expect(new Set(better.map((a, i) => `${a} ${worse[i]}`)).size).toBe(48)
  })
})
