import { describe, expect, it } from 'vitest'
import { type DType, dtypes, fromHalf, toHalf, toNumbers, toTypedArray } from './dtype.js'

describe('half precision', () => {
  it('survives the way there and back for every bit pattern', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromHalf(bits)
      if (Number.isNaN(value)) expect(Number.isNaN(fromHalf(toHalf(value)))).toBe(true)
      else if (toHalf(value) !== bits) expect(toHalf(value), `${value}`).toBe(bits)
    }
  })

  it('rounds to the nearest, and to even half-way between two', () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const [low, high] = [fromHalf(bits), fromHalf(bits + 1)]
      const middle = (low + high) / 2
      const even = bits % 2 === 0 ? bits : bits + 1
      const found = [toHalf(middle), toHalf(middle - (high - low) / 8), toHalf(middle + (high - low) / 8)]
      if (`${found}` !== `${[even, bits, bits + 1]}`)
        expect(found, `at ${middle}`).toEqual([even, bits, bits + 1])
    }
  })

  it('has the limits of IEEE 754', () => {
    expect([65504, 65519, 65520, 1e9, -1e9].map(toHalf)).toEqual([0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00])
    expect([2 ** -24, 2 ** -25, 2 ** -25 * 1.001, -0].map(toHalf)).toEqual([1, 0, 1, 0x8000])
  })
})

describe('typed arrays', () => {
  const values = [-1.5, 0, 2.5, 300]
  const expected: Record<DType, number[]> = {
    f32: values,
    f16: values,
    f64: values,
    i32: [-1, 0, 2, 300],
    i64: [-1, 0, 2, 300],
    u8: [255, 0, 2, 44],
    bool: [1, 0, 1, 1],
  }
  it.each(Object.keys(dtypes) as DType[])('hold numbers as %s', (dtype) => {
    const array = toTypedArray(dtype, values)
    expect(array).toBeInstanceOf(dtypes[dtype].array)
    expect(array.BYTES_PER_ELEMENT).toBe(dtypes[dtype].bytes)
    expect(toNumbers(dtype, array)).toEqual(expected[dtype])
  })

  it('take booleans and 64-bit integers', () => {
    expect(toNumbers('f32', toTypedArray('f32', [true, false]))).toEqual([1, 0])
    expect(toTypedArray('i64', [2n ** 60n + 1n])[0]).toBe(2n ** 60n + 1n)
    expect(toNumbers('i32', toTypedArray('i32', [7n]))).toEqual([7])
  })
})
