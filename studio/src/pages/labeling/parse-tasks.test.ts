import { describe, expect, it } from 'vitest'
import { parseTasks } from './parse-tasks.js'

describe('tasks as JSON lines', () => {
  it('may be short', () => {
    const tasks = parseTasks(
      '{"prompt":"Hi?","answers":["a","b"]}\n\n{"prompt":"Hi?","answers":["a"],"category":"x"}',
    )
    expect(tasks).toEqual([
      {
        kind: 'ranking',
        prompt: [{ role: 'user', content: 'Hi?' }],
        answers: [{ text: 'a' }, { text: 'b' }],
      },
      { kind: 'thumb', prompt: [{ role: 'user', content: 'Hi?' }], answers: [{ text: 'a' }], category: 'x' },
    ])
  })

  it('may say everything', () => {
    const prompt = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi?' },
    ]
    const answers = [{ text: 'a', model: 'm', modelVersion: 'v' }]
    expect(parseTasks(JSON.stringify({ kind: 'rubric', prompt, answers }))).toEqual([
      { kind: 'rubric', prompt, answers },
    ])
  })

  it.each([
    'nonsense',
    '3',
    '{"prompt":"","answers":["a"]}',
    '{"prompt":"x","answers":[]}',
    '{"prompt":"x","answers":[1]}',
  ])('name the line that is wrong: %s', (line) => {
    expect(() => parseTasks(`{"prompt":"x","answers":["a"]}\n${line}`)).toThrow(/^2: /)
  })
})
