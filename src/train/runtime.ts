/** What a run was made with, for `trainer.json`. */
export function runtimeVersions(): Record<string, string> {
  return { node: process.versions.node, platform: `${process.platform}-${process.arch}` }
}
