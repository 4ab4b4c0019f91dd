/** Dialogues, prompts and preferences: read from the forms that data sets have, packed into rows for training. */
export { readDialogues, readPrompts } from './dialogues.js'
export { type PackedRow, type Packing, packDialogues } from './pack.js'
export { pairsOfRanking, readPairs, readRankings } from './preferences.js'
export { type RecordOptions, type SkippedRecord, Unfit } from './records.js'
export type { Dialogue, Pair, Prompt, Ranking } from './types.js'
