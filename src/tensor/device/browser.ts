/** Devices in a browser: `wasm` (the CPU, WebAssembly) and `webgpu`, through onnxruntime-web. Knows nothing of Node. */
import type * as Ort from 'onnxruntime-common'
import { DeviceError } from '../errors.js'
import type { Device } from './device.js'
import { OrtDevice } from './ort.js'

export const browserDevices = ['wasm', 'webgpu'] as const
export type BrowserDeviceName = (typeof browserDevices)[number]

export interface BrowserDeviceOptions {
  /**
   * Where the runtime's `ort-wasm-simd-threaded*.mjs` and `.wasm` files are served from, ending in '/'.
   * Default: beside the runtime's module, where bundlers put them.
   */
  readonly wasmPath?: string
  /**
   * Threads for one operation on the CPU. Default: the machine's cores, at most 8; one where the page is not cross-origin
   * isolated (threads need the headers COOP `same-origin` and COEP `require-corp`).
   */
  readonly threads?: number
}

/**
 * A device by name. The runtime is loaded when this is called: 14 MB of WebAssembly for `wasm`, 27 MB for `webgpu`.
 * Its options hold for the page or worker: the first call for a name sets them.
 * @throws DeviceError when there is no such device, or the browser has no WebGPU.
 */
export async function browserDevice(
  name: string = 'wasm',
  options: BrowserDeviceOptions = {},
): Promise<Device> {
  if (!(browserDevices as readonly string[]).includes(name)) {
    throw new DeviceError(
      'missing',
      `there is no device '${name}' in a browser; use one of ${browserDevices.join(', ')}`,
    )
  }
  const kind = name as BrowserDeviceName
  if (kind === 'webgpu') await requireWebGpu()
  const ort: typeof Ort =
    kind === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm')
  const { wasm } = ort.env
  if (options.wasmPath !== undefined) wasm.wasmPaths = options.wasmPath
  wasm.numThreads = options.threads ?? defaultThreads()
  return new OrtDevice({
    kind,
    ort,
    missing: `the browser could not load the runtime; check that its .mjs and .wasm files are served${options.wasmPath ? ` from ${options.wasmPath}` : ''}`,
    oneAtATime: true,
    session: {
      executionProviders: [kind],
      // As in node.ts.
      graphOptimizationLevel: kind === 'wasm' ? 'disabled' : 'basic',
      enableMemPattern: false,
      executionMode: 'sequential',
      logSeverityLevel: 3,
    },
  })
}

function defaultThreads(): number {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated
  return isolated ? Math.min(8, globalThis.navigator?.hardwareConcurrency ?? 1) : 1
}

/** What the check needs of the WebGPU API. */
interface Gpu {
  requestAdapter(): Promise<unknown>
}

async function requireWebGpu(): Promise<void> {
  const gpu = (globalThis.navigator as { gpu?: Gpu } | undefined)?.gpu
  if (!gpu) {
    const insecure = (globalThis as { isSecureContext?: boolean }).isSecureContext === false
    throw new DeviceError(
      'missing',
      insecure
        ? 'this page has no WebGPU because it is not a secure context; serve it over https or from localhost, or use the device wasm'
        : 'this browser has no WebGPU; use Chrome or Edge 113, Safari 26 or Firefox 141 or later, or the device wasm',
    )
  }
  if (!(await gpu.requestAdapter())) {
    throw new DeviceError(
      'missing',
      'this browser has WebGPU but offers no GPU; update the graphics driver, allow hardware acceleration in the settings, or use the device wasm',
    )
  }
}
