import { capitalise } from './words.js'

export type Slots = Readonly<Record<string, string>>

/** Fills `{slot}`s and begins with a capital letter. A slot without a value is a mistake in a table, and thrown as one. */
export function fill(template: string, slots: Slots): string {
  return capitalise(fillClause(template, slots))
}

/** The same inside a sentence: nothing is made a capital letter. */
export function fillClause(template: string, slots: Slots): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = slots[name]
    if (value === undefined) throw new Error(`no value for {${name}} in "${template}"`)
    return value
  })
}

/** A statement to follow a comma: `the capital of France is Paris.` */
export function asClause(statement: string): string {
  return statement.replace(/^(The|It|Its|People|About|Two|Three) /, (word) => word.toLowerCase())
}

/** How a country fills its slots: {x} in a sentence, {X} at its head, {xs} possessive. */
export function countrySlots(called: string): { x: string; X: string; xs: string } {
  const possessive = called.startsWith('the ') && called.endsWith('s') ? `${called}'` : `${called}'s`
  return { x: called, X: capitalise(called), xs: possessive }
}

/** A pattern for whole texts made from a template; `slot` gives the pattern of a slot's values. */
export function templatePattern(template: string, slot: (name: string) => string): RegExp {
  const parts = template.split(/\{(\w+)\}/)
  const source = parts
    .map((part, index) =>
      index % 2 === 1 ? `(?:${slot(part)})` : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('')
  return new RegExp(`^${source}$`, 'su')
}
