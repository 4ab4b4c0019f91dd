/** Text with places: `{name}`. What is put in is never read again, so a value may have braces and be anything. */

/** Where the user's message goes; no parameter has this name. */
export const MESSAGE = 'message'

const PLACE = /\{([A-Za-z][A-Za-z0-9_]{0,63})\}/g

/** The names of the places, in their order. */
export function placesOf(template: string): string[] {
  return [...new Set(Array.from(template.matchAll(PLACE), ([, name]) => name!))]
}

/** The text with its places filled. A line all of whose places are empty is left out. */
export function fillTemplate(template: string, values: ReadonlyMap<string, string>): string {
  return template
    .split('\n')
    .flatMap((line) => {
      const places = Array.from(line.matchAll(PLACE), ([, name]) => name!)
      if (places.length > 0 && places.every((name) => (values.get(name) ?? '') === '')) return []
      return [line.replace(PLACE, (_, name: string) => values.get(name) ?? '')]
    })
    .join('\n')
}
