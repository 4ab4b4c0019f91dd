/**
 * The lines of a stream of bytes, without their "\n"; `complete` is false for a last one that lacks it. Unlike `readline` it
 * leaves U+2028, which may stand in a text, alone, and bytes that are not UTF-8 as they are.
 *
 * @param limit the most bytes of a line, and what is thrown of one with more
 */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  limit?: { readonly bytes: number; readonly error: () => Error },
): AsyncGenerator<{ readonly bytes: Buffer; readonly complete: boolean }> {
  const parts: Buffer[] = []
  let length = 0
  const line = (complete: boolean) => {
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts, length)
    parts.length = length = 0
    return { bytes, complete }
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end))
      length += end - from
      yield line(true)
      from = end + 1
    }
    if (from < chunk.length) parts.push(chunk.subarray(from))
    length += chunk.length - from
    if (limit && length > limit.bytes) throw limit.error()
  }
  if (length > 0) yield line(false)
}
