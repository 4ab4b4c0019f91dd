/** The little of the Protocol Buffers wire format that an ONNX model needs: varints, floats and length-delimited fields. */

const utf8 = new TextEncoder()

export class ProtobufWriter {
  #chunks: Uint8Array[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  /** An int64 or enum field. */
  int(field: number, value: number | bigint): this {
    this.#varint(field << 3)
    return this.#varint(value)
  }

  float(field: number, value: number): this {
    this.#varint((field << 3) | 5)
    return this.#push(new Uint8Array(Float32Array.of(value).buffer))
  }

  string(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value))
  }

  /** Keeps a reference to `value`; it is copied once, by `finish`. */
  bytes(field: number, value: Uint8Array): this {
    this.#varint((field << 3) | 2)
    this.#varint(value.length)
    return this.#push(value)
  }

  message(field: number, value: ProtobufWriter): this {
    this.#varint((field << 3) | 2)
    this.#varint(value.#length)
    return this.raw(value)
  }

  /** Appends the fields of `other` to this message. */
  raw(other: ProtobufWriter): this {
    for (const chunk of other.#chunks) this.#push(chunk)
    return this
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.#length)
    let at = 0
    for (const chunk of this.#chunks) {
      out.set(chunk, at)
      at += chunk.length
    }
    return out
  }

  #varint(value: number | bigint): this {
    const bytes: number[] = []
    if (typeof value === 'number' && value >= 0 && value < 2 ** 31) {
      let rest = value
      while (rest > 127) {
        bytes.push((rest & 127) | 128)
        rest >>>= 7
      }
      bytes.push(rest)
    } else {
      let rest = BigInt.asUintN(64, BigInt(value))
      while (rest > 127n) {
        bytes.push(Number(rest & 127n) | 128)
        rest >>= 7n
      }
      bytes.push(Number(rest))
    }
    return this.#push(Uint8Array.from(bytes))
  }

  #push(chunk: Uint8Array): this {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    return this
  }
}
