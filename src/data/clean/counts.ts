/** What became of documents, stage by stage: plain data that workers send, states keep and cards print. */
import type { CleaningStage } from './config.js'

/** An amount of text. */
export interface Volume {
  documents: number
  /** Code points. */
  characters: number
  /** Of UTF-8. */
  bytes: number
}

export interface ReasonCount {
  documents: number
  /** Lines taken, places replaced: what the reason says. For dropped documents their bytes. */
  amount: number
}

export interface StageCounts {
  in: Volume
  out: Volume
  /** Documents that came out other than they went in. */
  changed: number
  dropped: Record<string, ReasonCount>
  changes: Record<string, ReasonCount>
}

/** A document that a stage dropped or changed, for a reader to see what the reason means. */
export interface Sample {
  readonly stage: CleaningStage
  readonly reason: string
  readonly action: 'dropped' | 'changed'
  readonly source: string
  readonly id: string
  readonly detail: string
  /** A few words of it, without personal data. */
  readonly excerpt: string
}

export type CountsByStage = Partial<Record<CleaningStage, StageCounts>>

export function emptyVolume(): Volume {
  return { documents: 0, characters: 0, bytes: 0 }
}

export function addVolume(into: Volume, from: Volume): void {
  into.documents += from.documents
  into.characters += from.characters
  into.bytes += from.bytes
}

export function emptyStage(): StageCounts {
  return { in: emptyVolume(), out: emptyVolume(), changed: 0, dropped: {}, changes: {} }
}

export function countReason(into: Record<string, ReasonCount>, reason: string, amount: number): void {
  into[reason] ??= { documents: 0, amount: 0 }
  into[reason].documents++
  into[reason].amount += amount
}

export function addCounts(into: CountsByStage, from: CountsByStage): void {
  for (const [stage, counts] of Object.entries(from) as [CleaningStage, StageCounts][]) {
    into[stage] ??= emptyStage()
    const target = into[stage]
    addVolume(target.in, counts.in)
    addVolume(target.out, counts.out)
    target.changed += counts.changed
    for (const kind of ['dropped', 'changes'] as const) {
      for (const [reason, { documents, amount }] of Object.entries(counts[kind])) {
        target[kind][reason] ??= { documents: 0, amount: 0 }
        target[kind][reason].documents += documents
        target[kind][reason].amount += amount
      }
    }
  }
}

/** Adds samples while there are fewer than `limit` of their stage and reason. */
export function addSamples(into: Sample[], from: readonly Sample[], limit: number): void {
  for (const sample of from) {
    const alike = into.filter(({ stage, reason, action }) => {
      return stage === sample.stage && reason === sample.reason && action === sample.action
    })
    if (alike.length < limit) into.push(sample)
  }
}
