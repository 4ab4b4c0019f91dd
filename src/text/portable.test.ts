import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

/** The packages that a source file and all it imports need. */
function packagesOf(url: URL, seen = new Set<string>()): Set<string> {
  if (seen.has(url.href)) return new Set()
  seen.add(url.href)
  const packages = new Set<string>()
  for (const [, from] of readFileSync(url, 'utf8').matchAll(/^(?:import|export|\}) .*?from '([^']+)'/gm)) {
    if (!from!.startsWith('.')) packages.add(from!)
    else {
      for (const name of packagesOf(new URL(from!.replace(/\.js$/, '.ts'), url), seen)) packages.add(name)
    }
  }
  return packages
}

it('the portable part needs nothing that a browser lacks', () => {
  expect([...packagesOf(new URL('./portable.ts', import.meta.url))]).toEqual(['zod'])
})
