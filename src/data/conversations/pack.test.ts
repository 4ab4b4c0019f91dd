import { describe, expect, it } from 'vitest'
import type { ChatTurn, EncodedChat } from '../../text/index.js'
import { packDialogues } from './pack.js'

/** Turns as [role, length]; the assistant's tokens but the first and last of a turn are marked. Ids count from `first`. */
function chat(turns: readonly (readonly [ChatTurn['role'], number])[], first = 100): EncodedChat {
  const starts: ChatTurn[] = []
  const mask: number[] = []
  for (const [role, length] of turns) {
    starts.push({ role, start: mask.length })
    for (let i = 0; i < length; i++) mask.push(role === 'assistant' && i > 0 && i < length - 1 ? 1 : 0)
  }
  return { ids: Int32Array.from(mask, (_, i) => first + i), mask: Uint8Array.from(mask), turns: starts }
}

describe('packDialogues', () => {
  it('learns the tokens of the assistant, each from the one before', () => {
    const { rows, problems } = packDialogues(
      [
        chat([
          ['user', 2],
          ['assistant', 4],
        ]),
      ],
      { contextLength: 8 },
    )
    expect(problems).toEqual([])
    expect(rows).toEqual([
      {
        // The token after the last one to learn is not needed.
        ids: Int32Array.of(100, 101, 102, 103, 0, 0, 0, 0),
        targets: Int32Array.of(-100, -100, 103, 104, -100, -100, -100, -100),
        positions: Int32Array.of(0, 1, 2, 3, 0, 1, 2, 3),
        documents: Int32Array.of(0, 0, 0, 0, -1, -1, -1, -1),
        trained: 2,
      },
    ])
  })

  it('fills rows first-fit-decreasing, with positions from 0 in each dialogue', () => {
    const lengths = [3, 7, 5, 2, 4]
    const dialogues = lengths.map((length, n) =>
      chat(
        [
          ['user', 1],
          ['assistant', length + 1],
        ],
        100 * (n + 1),
      ),
    )
    const { rows } = packDialogues(dialogues, { contextLength: 10 })
    // 7 + 3 and 5 + 4; 2 is too long for what is left.
    const beginnings = rows.map(({ ids, positions, documents }) =>
      [...ids].filter((_, i) => documents[i]! >= 0 && positions[i] === 0),
    )
    expect(beginnings).toEqual([[200, 100], [300, 500], [400]])
    expect(rows.map(({ trained }) => trained)).toEqual([6 + 2, 4 + 3, 1])
  })

  it('loses no token to learn and repeats none, whatever the lengths', () => {
    let seed = 1
    const random = () => {
      seed = (seed * 48271) % 2147483647
      return seed / 2147483647
    }
    const dialogues = Array.from({ length: 500 }, (_, n) =>
      chat(
        [
          ['user', 1 + Math.floor(random() * 5)],
          ['assistant', 3 + Math.floor(random() * 25)],
        ],
        1000 * (n + 1),
      ),
    )
    const { rows, packed } = packDialogues(dialogues, { contextLength: 32 })
    const wanted = dialogues.flatMap(({ ids, mask }) => [...ids].filter((_, i) => mask[i]))
    const got = rows.flatMap(({ targets }) => [...targets].filter((id) => id >= 0))
    expect(packed).toBe(500)
    expect(got.sort((a, b) => a - b)).toEqual(wanted)
    for (const { ids, targets, documents } of rows) {
      for (let t = 0; t < ids.length; t++) {
        if (targets[t]! >= 0) expect([targets[t], documents[t]! >= 0]).toEqual([ids[t]! + 1, true])
      }
    }
    const slots = dialogues.reduce((sum, { mask }) => sum + mask.lastIndexOf(1), 0)
    expect(rows.length).toBeLessThanOrEqual(Math.ceil((slots / 32) * 1.1))
  })

  it('cuts what is too long at whole turns from the left, and keeps the system message', () => {
    const long = chat([
      ['system', 3],
      ['user', 4],
      ['assistant', 6],
      ['user', 2],
      ['assistant', 4],
    ])
    const { rows, problems, cut } = packDialogues([long], { contextLength: 8 })
    expect([...rows[0]!.ids]).toEqual([100, 101, 102, 113, 114, 115, 116, 0])
    expect([...rows[0]!.targets]).toEqual([-100, -100, -100, -100, -100, 116, 117, -100])
    expect(cut).toBe(1)
    expect(problems).toEqual([
      '1 of 1 dialogues are longer than 8 tokens and lost their earliest turns (the first is number 1)',
    ])
  })

  it('reports what has nothing to learn, and what does not fit', () => {
    const { rows, problems, leftOut } = packDialogues(
      [
        chat([['user', 5]]),
        chat([
          ['user', 5],
          ['assistant', 30],
        ]),
        { ids: Int32Array.of(1, 2), mask: Uint8Array.of(1, 0) },
        { ids: new Int32Array(0), mask: new Uint8Array(0) },
        // Without turns there is no place to cut.
        { ids: new Int32Array(20), mask: new Uint8Array(20).fill(1) },
      ],
      { contextLength: 8 },
    )
    expect(rows).toEqual([])
    expect(leftOut).toBe(5)
    expect(problems).toEqual([
      '3 of 5 dialogues have nothing that the assistant said and were left out (the first is number 1)',
      '2 of 5 dialogues have a last exchange longer than 8 tokens and were left out (the first is number 2)',
    ])
  })

  it('packs nothing from nothing, and needs a context', () => {
    expect(packDialogues([], { contextLength: 4 }).rows).toEqual([])
    expect(() => packDialogues([], { contextLength: 0 })).toThrow(/contextLength must be a whole number/)
  })
})
