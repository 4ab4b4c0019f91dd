export { erf, gelu, logSigmoid, relu, reluSquared, silu, softCap, softplus } from './activation.js'
export { type AttentionOptions, attention, cachedAttention, rotary } from './attention.js'
export { constant, full, ones, scalar, zeros } from './constant.js'
export { addTrees, checkpoint, customVjp, identity, scaleTree, scan, stopGradient } from './control.js'
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  convTranspose1d,
  convTranspose2d,
} from './conv.js'
export {
  abs,
  add,
  broadcastShapes,
  cast,
  ceil,
  clip,
  cos,
  div,
  equal,
  exp,
  floor,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mod,
  mul,
  neg,
  notEqual,
  type Operand,
  pow,
  reciprocal,
  rsqrt,
  sigmoid,
  sign,
  sin,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './elementwise.js'
export {
  embedding,
  gather,
  indexAdd,
  iota,
  oneHot,
  scatterAdd,
  sort,
  takeAlongAxis,
  topK,
  tril,
  trilMask,
  triu,
} from './indexing.js'
export { einsum, type MatmulOptions, matmul } from './linear.js'
export {
  type CrossEntropyOptions,
  crossEntropy,
  type LinearCrossEntropyOptions,
  linearCrossEntropy,
} from './loss.js'
export {
  broadcastTo,
  concat,
  expandDims,
  pad,
  type Range,
  reshape,
  slice,
  split,
  squeeze,
  stack,
  stride,
  swapAxes,
  tile,
  transpose,
} from './movement.js'
export { groupNorm, layerNorm, rmsNorm } from './norm.js'
export {
  type AvgPoolOptions,
  avgPool1d,
  avgPool2d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  type PoolOptions,
} from './pool.js'
export { type QuantizedMatrix, quantizedEmbedding, quantizedMatmul } from './quantized.js'
export {
  bernoulli,
  dropout,
  foldIn,
  gumbel,
  type RandomOptions,
  randomInteger,
  randomNormal,
  randomUniform,
  splitKey,
  type UniformOptions,
} from './random.js'
export { argmax, argmin, cumsum, logSumExp, max, mean, min, sum } from './reduce.js'
export { type ResizeOptions, resize } from './resize.js'
export { logSoftmax, softmax } from './softmax.js'
