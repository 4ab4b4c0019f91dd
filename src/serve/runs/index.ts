/** Training runs of the server. */
export { openRunManager, type RunManagerOptions } from './manager.js'
export { describeStage, findStage, SPEEDRUN_PRESETS, type Stage, type StageInput, stages } from './stages.js'
export * from './types.js'
export { createWorkspace, plainName, type Workspace, type WorkspaceFile } from './workspace.js'
