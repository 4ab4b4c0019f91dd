import { describe, expect, it } from 'vitest'
import { FairQueue } from './fair-queue.js'

function drained<T>(queue: FairQueue<T>): T[] {
  const items: T[] = []
  for (let item = queue.take(); item !== undefined; item = queue.take()) items.push(item)
  return items
}

describe('a fair queue', () => {
  it('takes turns between keys, and keeps the order within one', () => {
    const queue = new FairQueue<string>()
    for (const item of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2']) queue.push(item[0]!, item)
    expect(queue.size).toBe(7)
    expect(drained(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4'])
    expect(queue.size).toBe(0)
  })

  it('puts a key that comes back at the end of the line', () => {
    const queue = new FairQueue<string>()
    for (const item of ['a1', 'b1', 'c1']) queue.push(item[0]!, item)
    expect(queue.take()).toBe('a1')
    queue.push('a', 'a2')
    expect(drained(queue)).toEqual(['b1', 'c1', 'a2'])
  })

  it('lets an item go', () => {
    const queue = new FairQueue<string>()
    for (const item of ['a1', 'a2', 'b1']) queue.push(item[0]!, item)
    expect(queue.remove('a', 'a1')).toBe(true)
    expect(queue.remove('a', 'a1')).toBe(false)
    expect(queue.remove('x', 'x1')).toBe(false)
    expect([...queue]).toEqual(['a2', 'b1'])
    expect(queue.size).toBe(2)
    expect(drained(queue)).toEqual(['a2', 'b1'])
  })
})
