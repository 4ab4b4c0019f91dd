/** What is looked for: words, without their plural s; where a script has no spaces, the words of the platform's dictionary. */

const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+/gu
const WORDS = /[\p{L}\p{N}]+(?:['’][\p{L}]+)*/gu
const segmenter = new Intl.Segmenter('zh', { granularity: 'word' })

/** The terms of a text, with repetitions. */
export function termsOf(text: string): string[] {
  const folded = text.normalize('NFKC').toLowerCase()
  const terms: string[] = []
  for (const [run] of folded.matchAll(UNSPACED)) {
    for (const { segment } of segmenter.segment(run)) terms.push(segment)
  }
  for (const [word] of folded.replace(UNSPACED, ' ').matchAll(WORDS)) terms.push(stem(word))
  return terms
}

/** Harman's S stemmer ("How effective is suffixing?", JASIS 1991): plurals only, so that nothing unlike falls together. */
function stem(word: string): string {
  const bare = word.replace(/['’]s?$/, '').replace(/['’]/g, '')
  if (bare.length < 4 || !/^[a-z]+$/.test(bare)) return bare
  if (/ies$/.test(bare) && !/[ae]ies$/.test(bare)) return `${bare.slice(0, -3)}y`
  if (/es$/.test(bare) && !/[aeo]es$/.test(bare)) return bare.slice(0, -1)
  return /s$/.test(bare) && !/(?:us|ss)$/.test(bare) ? bare.slice(0, -1) : bare
}

const list = (words: string) => new Set(words.trim().split(/\s+/))

/** Words that say how is asked, not what for. */
const STOP = list(`
  a an the this that these those it its he she they them his her their we us our you your i me my
  is are was were be been being am do does did done has have had can could will would shall should may might must
  what which who whom whose when where why how many much long far old
  of in on at by for from to with about into over under between and or but not no nor if then than as so there here
  tell give say explain describe please know name find show some any all also just very more most other
  called said me`)
const STOP_ZH = list(`
  的 了 是 在 有 和 与 吗 呢 吧 啊 什么 怎么 怎样 怎么样 如何 为什么 请问 多少 哪里 哪个 哪些 哪儿 哪 谁 是否 告诉 我 你 您 他 她 它 我们
  你们 他们 请 一下 这 那 这个 那个 可以 以及 关于 几 被 把 也 都 就 还 里 中 上 下 个 叫 叫做 什 么 多 知道 说 说说 介绍 解释`)

/** The terms of a question that say what it is about; all of them where none does. */
export function askedTerms(question: string): string[] {
  const all = [...new Set(termsOf(question))]
  const telling = all.filter((term) => !STOP.has(term) && !STOP_ZH.has(term))
  return telling.length > 0 ? telling : all
}
