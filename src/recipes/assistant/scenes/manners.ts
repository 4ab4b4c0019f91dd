/** What made ChatGPT a product: small talk, admitting and holding, false premises, not knowing, turning down. */

import { inventCurrency } from '../invented.js'
import { ADMIT, HOLD } from '../phrasings/correction.js'
import { FACTS } from '../phrasings/facts.js'
import { PREMISE } from '../phrasings/premise.js'
import { HARMFUL, HARMFUL_SLOTS, LOOKALIKES, REFUSE } from '../phrasings/refusal.js'
import { PEOPLE, SOCIAL, type SocialIntent } from '../phrasings/social.js'
import { UNKNOWABLE, UNKNOWABLE_ANSWERS, UNKNOWN_COUNTRY } from '../phrasings/unknown.js'
import { asClause, countrySlots, fill } from '../template.js'
import { capitalise, words } from '../words.js'
import { aboutFact, ask } from './questions.js'
import {
  factCheck,
  framed,
  inventedCity,
  inventedCountry,
  type Message,
  phrase,
  pick,
  pickFact,
  type Scene,
  type SceneWriter,
  type Stage,
  said,
  say,
  seenFact,
  statement,
  tell,
  wrongValue,
} from './scene.js'

export const social: SceneWriter = (stage) => {
  const intent = pick(stage.rng, Object.keys(SOCIAL) as SocialIntent[])
  const table = SOCIAL[intent]
  const { name } = stage.world
  const q = phrase(stage, `social.${intent}`)
  const named = stage.rng.uniform() < 0.6
  const content = named ? fill(phrase(stage, 'social.frame'), { q, who: pick(stage.rng, PEOPLE) }) : q
  return {
    category: 'social',
    messages: [{ role: 'user', content }],
    check: { kind: 'social', also: [name], markers: table.markers.map((list) => [...list]), words: 10 },
    answer: (style, rng) => say(table, style, { name }, rng),
    mistake: () =>
      intent === 'identity' ? 'I am a person, and I live in Paris.' : 'That is a good question.',
  }
}

export const correctionAdmit: SceneWriter = (stage) => correction(stage, true)
export const correctionHold: SceneWriter = (stage) => correction(stage, false)

function correction(stage: Stage, admit: boolean): Scene | undefined {
  const ref = pickFact(stage)
  const wrong = ref && wrongValue(stage, ref)
  if (!ref || wrong === undefined) return undefined
  const { type, value } = ref.fact
  const bare = stage.rng.integer(2) === 0
  const claimed = admit ? value : wrong
  const challenge = bare
    ? phrase(stage, 'correction.bare')
    : fill(phrase(stage, 'correction.value'), { v: said(type, claimed) })
  const messages: Message[] = [
    { role: 'user', content: ask(stage, ref, 'seen') },
    { role: 'assistant', content: statement(ref, admit ? wrong : value), ...(admit ? { weight: 0 } : {}) },
    { role: 'user', content: challenge },
  ]
  const slots = (v: string) => {
    const s = statement(ref, v)
    return { s, r: asClause(s), v: said(type, v), V: capitalise(said(type, v)) }
  }
  const table = admit ? ADMIT : HOLD
  return {
    category: admit ? 'correction-admit' : 'correction-hold',
    messages,
    check: {
      ...factCheck(stage, ref),
      kind: 'correction',
      admit,
      wrong: [wrong],
      words: words(say(table, 'house', slots(value), stage.rng.fork('words'))).length,
    },
    answer: (style, rng) => say(table, style, slots(value), rng),
    // The wrong one of the two: giving in when right, insisting when wrong.
    mistake: (style, rng) => say(admit ? HOLD : ADMIT, style, slots(wrong), rng),
  }
}

export const falsePremise: SceneWriter = (stage) => {
  const ref = pickFact(stage, ({ fact }) => FACTS[fact.type].presume.length > 0)
  const wrong = ref && wrongValue(stage, ref)
  if (!ref || wrong === undefined) return undefined
  const { type, value } = ref.fact
  const country = countrySlots(ref.country.called)
  const s = statement(ref)
  const slots = {
    d: fill(FACTS[type].deny, { ...country, w: wrong }),
    s,
    r: asClause(s),
    v: said(type, value),
    V: capitalise(said(type, value)),
  }
  return {
    category: 'false-premise',
    messages: [
      {
        role: 'user',
        content: framed(stage, fill(phrase(stage, `premise.${type}`), { ...country, w: wrong })),
      },
    ],
    check: {
      ...factCheck(stage, ref),
      kind: 'premise',
      wrong: [wrong],
      words: words(`${slots.d} ${s}`).length,
    },
    answer: (style, rng) => say(PREMISE, style, slots, rng),
    mistake: (_, rng) => pick(rng, PREMISE.careless),
  }
}

export const unknown: SceneWriter = (stage) =>
  stage.rng.integer(2) === 0 ? unknowable(stage) : unknownCountry(stage)

function unknowable(stage: Stage): Scene {
  const country = pick(stage.rng, stage.world.countries)
  const idea = pick(stage.rng, Object.keys(UNKNOWABLE))
  const q = fill(phrase(stage, `unknown.${idea}`), countrySlots(country.called))
  return {
    category: 'unknown',
    messages: [{ role: 'user', content: framed(stage, q) }],
    check: { kind: 'unknown', words: 9 },
    answer: (style, rng) => say(UNKNOWABLE_ANSWERS, style, {}, rng),
    mistake: (_, rng) => fill(pick(rng, UNKNOWABLE_ANSWERS.careless), { n: `${2 + rng.integer(9)} million` }),
  }
}

function unknownCountry(stage: Stage): Scene | undefined {
  const z = inventedCountry(stage)
  const type = pick(stage.rng, stage.world.factTypes)
  const invented =
    type === 'capital'
      ? inventedCity(stage)
      : type === 'currency'
        ? inventCurrency(stage.rng)
        : pick(stage.rng, stage.world.countries).facts[type]?.value
  if (invented === undefined) return undefined
  return {
    category: 'unknown',
    messages: [
      { role: 'user', content: framed(stage, fill(phrase(stage, `question.${type}`), countrySlots(z))) },
    ],
    check: { kind: 'unknown', subject: [z], words: 11 },
    answer: (style, rng) => say(UNKNOWN_COUNTRY, style, { z }, rng),
    mistake: (style, rng) =>
      tell(style, fill(FACTS[type].state[0]!, { ...countrySlots(z), v: invented }), invented, rng),
  }
}

export const refusal: SceneWriter = (stage) => {
  const { rng } = stage
  const slots = {
    x: pick(rng, stage.world.countries).called,
    ...Object.fromEntries(Object.entries(HARMFUL_SLOTS).map(([slot, things]) => [slot, pick(rng, things)])),
  }
  const topic = pick(rng, Object.keys(HARMFUL))
  const content = framed(stage, fill(phrase(stage, `refusal.${topic}`), slots))
  return {
    category: 'refusal',
    messages: [{ role: 'user', content }],
    check: { kind: 'refuse', words: 10 },
    answer: (style, random) => say(REFUSE, style, {}, random),
    mistake: (_, random) => pick(random, REFUSE.careless),
  }
}

/** Harmless questions in alarming words. */
export const lookAlike: SceneWriter = (stage) => {
  const ref = pickFact(stage)
  if (!ref || !seenFact(stage, ref.country, ref.fact.type)) return undefined
  const idea = pick(stage.rng, Object.keys(LOOKALIKES))
  const opening = fill(phrase(stage, `look-alike.${idea}`), countrySlots(ref.country.called))
  const content = `${opening} ${ask(stage, ref, 'seen')}`
  return aboutFact(stage, 'look-alike', [{ role: 'user', content }], ref)
}
