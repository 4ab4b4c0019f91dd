/** Toxicity by a list of words: crude, and only as good as the list. */

/**
 * Common insults, obscenities and threats in English and Chinese. Slurs against groups are left out on purpose: bring a list that
 * fits the language and the use (one word or phrase a line) through the task's setting `words`.
 */
export const defaultToxicWords: readonly string[] = [
  ...`asshole bastard bitch bullshit cocksucker cunt dickhead douchebag dumbass fuck fucked fucker fucking goddamn jackass
  moron motherfucker pissed prick pussy shit shithead shitty slut twat wanker whore`.split(/\s+/),
  ...['go to hell', 'i will kill you', 'kill yourself', 'shut up', 'you are worthless', 'you idiot'],
  ...'傻逼 操你妈 他妈的 王八蛋 婊子 贱人 去死 混蛋 滚蛋 狗屎 畜生 废物'.split(' '),
]

/** A function that finds the words of a list in a text: whole words and phrases, whatever their case; in Chinese anywhere. */
export function createToxicityMatcher(
  words: readonly string[] = defaultToxicWords,
): (text: string) => string[] {
  const escaped = words
    .map((word) => word.normalize('NFKC').trim().toLowerCase())
    .filter((word) => word !== '')
    .map((word) => {
      const source = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+')
      return /\p{Script=Han}/u.test(word) ? source : `(?<![\\p{L}\\p{N}])${source}(?![\\p{L}\\p{N}])`
    })
  if (escaped.length === 0) return () => []
  const pattern = new RegExp(escaped.join('|'), 'giu')
  return (text) => [...new Set(text.normalize('NFKC').toLowerCase().match(pattern) ?? [])]
}
