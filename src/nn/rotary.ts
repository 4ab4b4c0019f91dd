/** Tables for rotary positions (Su et al. 2021). */
import { constant, type Tensor } from '../tensor/index.js'

export interface RotaryTable {
  /** [positions, headDim / 2] */
  readonly cosines: Tensor
  readonly sines: Tensor
}

/** cos and sin of position * base^(-2i / headDim), computed in double precision. */
export function rotaryTable(positions: number, headDim: number, base: number): RotaryTable {
  const half = headDim / 2
  const angles = Float64Array.from({ length: positions * half }, (_, at) => {
    const [position, i] = [Math.floor(at / half), at % half]
    return position * base ** (-i / half)
  })
  const table = (f: (angle: number) => number) =>
    constant(Float32Array.from(angles, f), { shape: [positions, half] })
  return { cosines: table(Math.cos), sines: table(Math.sin) }
}
