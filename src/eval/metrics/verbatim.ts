/** How far an answer repeats a text word for word. */

/** Tokens from the start on which `written` is `original`. */
export function verbatimPrefix(written: ArrayLike<number>, original: ArrayLike<number>): number {
  const length = Math.min(written.length, original.length)
  let i = 0
  while (i < length && written[i] === original[i]) i++
  return i
}

/** Length of the longest run of tokens that both contain. O(n m) time, O(m) memory. */
export function longestCommonRun(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let longest = 0
  let runs = new Int32Array(b.length + 1)
  for (let i = 0; i < a.length; i++) {
    const next = new Int32Array(b.length + 1)
    for (let j = 0; j < b.length; j++) {
      if (a[i] !== b[j]) continue
      next[j + 1] = runs[j]! + 1
      longest = Math.max(longest, next[j + 1]!)
    }
    runs = next
  }
  return longest
}
