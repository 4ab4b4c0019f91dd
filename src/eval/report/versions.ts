/** What a result was made with. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { env } from 'onnxruntime-common'

/** The version of Athanor that runs. */
export function athanorVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** For `ReportData.versions`: Athanor, Node, ONNX Runtime, platform, threads. */
export function runtimeReport(options: { readonly threads?: number } = {}): Record<string, string | number> {
  return {
    athanor: athanorVersion(),
    node: process.versions.node,
    // Released together with onnxruntime-node, and without its native library.
    onnxruntime: env.versions.common ?? 'unknown',
    platform: `${process.platform}-${process.arch}`,
    threads: options.threads ?? availableParallelism(),
  }
}
