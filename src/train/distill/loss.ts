/** Learning a teacher's distributions (Hinton, Vinyals, Dean 2015), straight from hidden states. */
import {
  add,
  cast,
  customVjp,
  div,
  exp,
  expandDims,
  formatType,
  full,
  isStatic,
  logSoftmax,
  matmul,
  maximum,
  mul,
  neg,
  notEqual,
  reshape,
  scatterAdd,
  slice,
  softCap,
  square,
  sub,
  sum,
  type Tensor,
  TensorError,
  takeAlongAxis,
  where,
} from '../../tensor/index.js'

/** Where a model's logits come from: hidden W^T, limited by a tanh where `softCap` says so. */
export interface LogitSource {
  /** [..., C] */
  readonly hidden: Tensor
  /** [V, C] */
  readonly weight: Tensor
  readonly softCap?: number | undefined
}

export interface DistillationOptions {
  /** Both models' logits are divided by it before they are compared. */
  readonly temperature: number
  /** Rows taken at a time: logits exist for that many only. Default about 2 M logits of each model. */
  readonly rowsPerChunk?: number
}

/** Targets of this value do not count. */
const IGNORED = -100

/**
 * KL(teacher || student) in nats at the temperature, and the student's cross-entropy at temperature 1 against `targets` i32 [...]:
 * each the mean over the targets that count (0 if none does). Nothing flows back to the teacher. Logits exist for one chunk of
 * rows at a time, in the backward pass too, so the memory does not grow with the batch.
 *
 * The gradient of the KL shrinks as 1 / temperature^2: multiply it by temperature^2 to weigh it against the cross-entropy.
 */
export function linearDistillation(
  student: LogitSource,
  teacher: LogitSource,
  targets: Tensor,
  { temperature, rowsPerChunk }: DistillationOptions,
): { readonly kl: Tensor; readonly crossEntropy: Tensor } {
  if (!isStatic(student.weight.shape) || student.weight.shape[0] !== teacher.weight.shape[0]) {
    throw new TensorError(
      'shape',
      `linearDistillation: the student's weight ${formatType(student.weight)} and the teacher's ${formatType(teacher.weight)} must have as many rows, a token each`,
    )
  }
  const rows = targets.shape.reduce<number>((product, size) => product * (size as number), 1)
  const flat = ({ hidden }: LogitSource) => reshape(hidden, [rows, hidden.shape.at(-1)!])
  const [h, u, ids] = [flat(student), flat(teacher), reshape(targets, [rows])]
  const step = Math.min(
    rows,
    rowsPerChunk ?? Math.max(64, Math.floor(2 ** 21 / (student.weight.shape[0] as number))),
  )
  const parts: (readonly Tensor[])[] = []
  for (let start = 0; start < rows; start += step) {
    const range = [start, Math.min(rows, start + step)] as const
    const run = chunk(temperature, student.softCap, teacher.softCap)
    parts.push(run(slice(h, [range]), student.weight, slice(u, [range]), teacher.weight, slice(ids, [range])))
  }
  const counted = maximum(sum(cast(notEqual(ids, IGNORED), h.dtype)), 1)
  const mean = (which: 0 | 1) => div(parts.map((part) => part[which]!).reduce(add), counted)
  return { kl: mean(0), crossEntropy: mean(1) }
}

/** Of one chunk, h [n, C], w [V, C], u [n, D], v [V, D], ids [n] -> the sums of KL and cross-entropy. */
function chunk(temperature: number, studentCap: number | undefined, teacherCap: number | undefined) {
  const logits = (x: Tensor, weight: Tensor, cap: number | undefined) => {
    const raw = matmul(x, weight, { transB: true })
    return cap === undefined ? raw : softCap(raw, cap)
  }
  const tempered = (x: Tensor) => logSoftmax(temperature === 1 ? x : div(x, temperature))
  const terms = (inputs: readonly Tensor[]) => {
    const [h, w, u, v, ids] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor]
    const z = logits(h, w, studentCap)
    const counts = notEqual(ids, IGNORED)
    return {
      z,
      counts,
      column: expandDims(mul(ids, cast(counts, ids.dtype)), 1),
      logP: tempered(logits(u, v, teacherCap)),
      logQ: tempered(z),
      plain: logSoftmax(z),
    }
  }
  return customVjp(
    (...inputs) => {
      const { counts, column, logP, logQ, plain } = terms(inputs)
      const kl = sum(mul(exp(logP), sub(logP, logQ)), -1)
      const crossEntropy = neg(reshape(takeAlongAxis(plain, column), counts.shape))
      return [sum(where(counts, kl, 0)), sum(where(counts, crossEntropy, 0))]
    },
    ({ inputs, cotangents: [gKl, gCrossEntropy] }) => {
      const { z, counts, column, logP, logQ, plain } = terms(inputs)
      const [h, w] = inputs as [Tensor, Tensor]
      const parts: Tensor[] = []
      // d KL / dz = (q - p) / temperature; d cross-entropy / dz = softmax(z) - (1 at the target)
      if (gKl) parts.push(mul(sub(exp(logQ), exp(logP)), div(gKl, temperature)))
      if (gCrossEntropy) {
        const off = scatterAdd(exp(plain), column, full(column.shape, -1, plain.dtype))
        parts.push(mul(off, gCrossEntropy))
      }
      const whole = parts.reduce(add)
      const gradient = studentCap === undefined ? whole : mul(whole, sub(1, square(mul(z, 1 / studentCap))))
      // Which rows count goes onto the narrow side of the products instead of the wide one.
      const counted = cast(expandDims(counts, 1), h.dtype)
      return [
        mul(matmul(gradient, w), counted),
        matmul(gradient, mul(h, counted), { transA: true }),
        undefined,
        undefined,
        undefined,
      ]
    },
  )
}
