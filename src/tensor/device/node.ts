/** Devices in Node: `cpu`, `webgpu`, `cuda`, through onnxruntime-node. The only folder of the engine that knows Node. */
import { availableParallelism } from 'node:os'
import * as ort from 'onnxruntime-node'
import { DeviceError } from '../errors.js'
import type { Device } from './device.js'
import { OrtDevice } from './ort.js'

export const nodeDevices = ['cpu', 'webgpu', 'cuda'] as const
export type NodeDeviceName = (typeof nodeDevices)[number]

export interface NodeDeviceOptions {
  /** Threads for one operation on the CPU. Default: the machine's cores. */
  readonly threads?: number
}

const missing: Record<NodeDeviceName, string> = {
  cpu: 'reinstall the npm package onnxruntime-node; it ships the CPU library for this platform',
  webgpu:
    'it needs a GPU with a Vulkan, Metal or Direct3D 12 driver (on Linux also the Vulkan loader, libvulkan.so.1); install the driver, or use the device cpu',
  cuda: 'it needs an NVIDIA GPU with CUDA 12 and cuDNN 9, on Linux x64, and the CUDA library of ONNX Runtime, which npm does not carry; install it with `ONNXRUNTIME_NODE_INSTALL=true node node_modules/onnxruntime-node/script/install.js` (see docs/devices.md), or use the device webgpu or cpu',
}

/**
 * A device by name.
 * @throws DeviceError when there is no such device (that it is missing on this machine shows when a function is compiled).
 */
export function nodeDevice(name: string = 'cpu', options: NodeDeviceOptions = {}): Device {
  if (!(nodeDevices as readonly string[]).includes(name)) {
    throw new DeviceError(
      'missing',
      `there is no device '${name}' in Node; use one of ${nodeDevices.join(', ')}`,
    )
  }
  const kind = name as NodeDeviceName
  const provider = kind === 'webgpu' ? { name: 'webgpu' } : kind
  return new OrtDevice({
    kind,
    ort,
    missing: missing[kind],
    session: {
      executionProviders: kind === 'cpu' ? ['cpu'] : [provider as 'cpu'],
      // The graph has been through our own passes; the runtime's cost build time and fuse what is faster apart.
      // On a GPU its constant folding stays: index ranges and masks would be made on the CPU in every call.
      graphOptimizationLevel: kind === 'cpu' ? 'disabled' : 'basic',
      // A plan for all memory ahead of time holds on to twice of what is used at once.
      enableMemPattern: false,
      intraOpNumThreads: options.threads ?? availableParallelism(),
      interOpNumThreads: 1,
      executionMode: 'sequential',
      logSeverityLevel: 3,
      // Attention probabilities decay into subnormal numbers, which the CPU multiplies up to a hundred times slower.
      extra: { session: { set_denormal_as_zero: '1' } },
    },
  })
}
