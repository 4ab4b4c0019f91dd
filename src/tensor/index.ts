export { backward, grad, valueAndGrad, vjp } from './autodiff.js'
export {
  type Compiled,
  type CompileOptions,
  type Computed,
  compile,
  exportOnnx,
  printTrace,
  type Traced,
  trace,
} from './compile.js'
export type { Device, Executable } from './device/device.js'
export {
  addSizes,
  Dim,
  dim,
  divideSizes,
  formatShape,
  isStatic,
  multiplySizes,
  type Shape,
  type Size,
  sizeOf,
  subtractSizes,
} from './dim.js'
export { type DType, dtypes, fromHalf, isFloat, type TypedArray, toHalf, toTypedArray } from './dtype.js'
export { DeviceError, GradientError, TensorError } from './errors.js'
export { type Graph, printGraph } from './graph.js'
export { type Jitted, jit } from './jit.js'
export { NDArray } from './ndarray.js'
export * from './ops/index.js'
export {
  dequantize,
  QUANTIZED_BLOCK,
  type QuantizedArray,
  type QuantizedBits,
  quantize,
  quantizedBlocks,
} from './quantize.js'
export { formatType, Tensor, type TensorType } from './tensor.js'
export {
  isTensorLike,
  leaves,
  leavesWithPaths,
  type MapTree,
  mapTree,
  replaceLeaves,
  type Tree,
  zipTrees,
} from './tree.js'
