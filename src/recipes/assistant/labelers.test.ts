import { describe, expect, it } from 'vitest'
import { Rng } from '../../rng.js'
import { calibrateNoise, createLabeler, noiseCeiling, rankAnswers, ranksOf } from './labelers.js'
import { SCENES } from './scenes/index.js'
import { CATEGORIES } from './scenes/scene.js'
import { createWorld } from './world.js'

const world = await createWorld({ seed: 2 })
const rng = Rng.seed(2)
const samples = Array.from({ length: 1500 }, (_, i) => {
  const category = CATEGORIES[i % CATEGORIES.length]!
  const scene = SCENES[category]({ world, rng, phrasing: 'seen', facts: 'seen', evaluation: false })
  if (!scene) return undefined
  const answers = [
    scene.answer('house', rng),
    scene.answer('verbose', rng),
    scene.answer('curt', rng),
    scene.mistake('house', rng),
  ]
  return { prompt: scene, answers }
}).filter((sample) => sample !== undefined)

/** What two labelers say of all pairs, by counting. */
function count(noise: number) {
  const [a, b] = [11, 12].map((number) => createLabeler({ number, seed: 5, noise }))
  let [agreed, decided, ties] = [0, 0, 0]
  for (const { prompt, answers } of samples) {
    const [first, second] = [a!.rank(prompt, answers), b!.rank(prompt, answers)]
    for (let i = 0; i < answers.length; i++) {
      for (let j = 0; j < i; j++) {
        const [x, y] = [Math.sign(first[i]! - first[j]!), Math.sign(second[i]! - second[j]!)]
        if (x === 0 || y === 0) ties++
        else {
          decided++
          if (x === y) agreed++
        }
      }
    }
  }
  return { agreement: agreed / decided, ties: ties / (ties + decided) }
}

describe('simulated labelers', () => {
  it('agree on 73 % of pairs when calibrated', () => {
    const calibration = calibrateNoise(samples, { seed: 5 })
    expect(calibration.agreement).toBeCloseTo(0.73, 3)
    const counted = count(calibration.noise)
    expect(counted.agreement).toBeGreaterThan(0.71)
    expect(counted.agreement).toBeLessThan(0.75)
    expect(counted.ties).toBeGreaterThan(0.02)
    expect(counted.ties).toBeLessThan(0.4)
  })

  it('bound what any predictor can reach', () => {
    const { noise, ceiling, agreement } = calibrateNoise(samples, { seed: 5 })
    expect(ceiling).toBeGreaterThan(agreement)
    expect(ceiling).toBeLessThan(0.95)
    expect(noiseCeiling(samples, { seed: 5, noise }).ceiling).toBe(ceiling)
    // The best predictor knows the rubric; its accuracy against fresh labels comes out at the ceiling.
    const oracle = createLabeler({ number: 0, seed: 5, noise: 1e-9, taste: 0, indifference: 0 })
    let [right, labels] = [0, 0]
    for (const [index, { prompt, answers }] of samples.entries()) {
      const given = createLabeler({ number: index % 8, seed: 5, noise }).rank(prompt, answers)
      const best = oracle.rank(prompt, answers)
      for (let i = 0; i < answers.length; i++) {
        for (let j = 0; j < i; j++) {
          if (given[i] === given[j] || best[i] === best[j]) continue
          labels++
          if (given[i]! < given[j]! === best[i]! < best[j]!) right++
        }
      }
    }
    expect(Math.abs(right / labels - ceiling)).toBeLessThan(0.02)
  })

  it('agree more with less noise', () => {
    const at = (noise: number) => noiseCeiling(samples, { seed: 5, noise }).agreement
    expect(at(0.01)).toBeGreaterThan(at(0.1))
    expect(at(0.1)).toBeGreaterThan(at(1))
    expect(at(100)).toBeCloseTo(0.5, 2)
  })

  it('give the same answer the same rank, and the same ranks again', () => {
    const labeler = createLabeler({ number: 3, seed: 1, noise: 0.3 })
    const { prompt, answers } = samples[0]!
    const ranking = rankAnswers(labeler, prompt, [...answers, answers[0]!])
    expect(ranking.labeler).toBe('simulated-3')
    expect(ranking.ranks[0]).toBe(ranking.ranks.at(-1))
    expect(rankAnswers(labeler, prompt, [...answers, answers[0]!])).toEqual(ranking)
  })

  it('rank with ties', () => {
    expect(ranksOf([0.9, 0.1, 0.88, 0.5], 0.05)).toEqual([1, 3, 1, 2])
    expect(ranksOf([0.1, 0.2], 0)).toEqual([2, 1])
  })

  it('cannot be calibrated without different answers', () => {
    const { prompt, answers } = samples[0]!
    expect(() => calibrateNoise([{ prompt, answers: [answers[0]!, answers[0]!] }], { seed: 1 })).toThrow(
      /two different/,
    )
  })
})
