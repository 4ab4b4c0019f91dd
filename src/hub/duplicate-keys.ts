/**
 * `JSON.parse` keeps the last of two equal keys in silence, which lets two readers see two different files. This finds
 * the first repeated key of a text that is already known to be valid JSON.
 */
export function findDuplicateKey(json: string): string | undefined {
  // One entry per open bracket: the keys of an object so far, or null for an array.
  const open: (Set<string> | null)[] = []
  let expectKey = false
  for (let i = 0; i < json.length; i++) {
    const char = json[i]
    if (char === '{') {
      open.push(new Set())
      expectKey = true
    } else if (char === '[') {
      open.push(null)
      expectKey = false
    } else if (char === '}' || char === ']') {
      open.pop()
      expectKey = false
    } else if (char === ',') {
      expectKey = open.at(-1) instanceof Set
    } else if (char === '"') {
      const start = i
      for (i++; json[i] !== '"'; i++) if (json[i] === '\\') i++
      if (!expectKey) continue
      const key = JSON.parse(json.slice(start, i + 1)) as string
      const keys = open.at(-1)!
      if (keys.has(key)) return key
      keys.add(key)
      expectKey = false
    }
  }
  return undefined
}
