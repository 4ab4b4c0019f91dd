/**
 * Lets WebGPU run in Node without a GPU, in tests: through SwiftShader, a Vulkan driver for the CPU that Chromium ships.
 * Outside tests, set the environment variables that docs/devices.md names.
 */
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import type { Device } from '../device/device.js'
import { nodeDevice } from '../device/node.js'
import { add, compile, DeviceError, type Tensor } from '../index.js'

const folders = ['/usr/lib/chromium', '/usr/lib64/chromium', '/opt/google/chrome']
/** Keeps a library loaded although Node, which finds no addon in it, closes it again. */
const RTLD_NODELETE = 0x1000

/** WebGPU in Node, on the machine's GPU or in software; undefined where there is neither. */
export async function webgpuDevice(): Promise<Device | undefined> {
  const device = nodeDevice('webgpu')
  useSwiftShader()
  try {
    const probe = await compile((x: Tensor) => add(x, 1), [{ shape: [1], dtype: 'f32' as const }], { device })
    await probe.dispose()
    return device
  } catch (error) {
    if (error instanceof DeviceError && error.code === 'device/missing') return undefined
    throw error
  }
}

/** Points the Vulkan loader at SwiftShader, and loads the loader itself, which such machines may lack. */
function useSwiftShader(): void {
  if (process.platform !== 'linux' || process.env.VK_ICD_FILENAMES || existsSync('/dev/dri')) return
  const folder = folders.find((path) => existsSync(join(path, 'vk_swiftshader_icd.json')))
  if (!folder) return
  process.env.VK_ICD_FILENAMES = join(folder, 'vk_swiftshader_icd.json')
  const loader = join(dirname(process.env.VK_ICD_FILENAMES), 'libvulkan.so.1')
  if (!existsSync(loader)) return
  try {
    process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | RTLD_NODELETE)
  } catch {
    // It is no Node addon, which is all that the error says; the library stays.
  }
}
