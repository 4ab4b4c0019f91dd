/** Finds and starts a headless Chromium whose WebGPU runs on the CPU (SwiftShader), so that no GPU is needed. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** The browser to test with: ATHANOR_CHROMIUM, or one in its usual place. */
export const chromiumPath = process.env.ATHANOR_CHROMIUM || places.find((path) => existsSync(path))

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath!,
    chromiumSandbox: false,
    args: [
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--enable-features=Vulkan',
      '--disable-gpu-sandbox',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
