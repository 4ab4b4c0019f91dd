import { AthanorError } from '../errors.js'

/** Shapes, dtypes or arguments that an operation cannot take. Thrown while tracing, from the user's own line. */
export class TensorError extends AthanorError {
  constructor(code: 'shape' | 'dtype' | 'argument', message: string) {
    super(`tensor/${code}`, message)
  }
}

/** A gradient was asked for where there is none. */
export class GradientError extends AthanorError {
  constructor(message: string) {
    super('tensor/gradient', message)
  }
}

/** A device is missing, or the runtime could not build or run a graph. */
export class DeviceError extends AthanorError {
  constructor(code: 'missing' | 'compile' | 'run' | 'unsupported', message: string, options?: ErrorOptions) {
    super(`device/${code}`, message, options)
  }
}
