/** Names of stages, parts and states in the language of the page. */
import { en } from '../../i18n/en.js'
import type { PlainKey, Translate } from '../../i18n/index.js'
import type { RunState, Stage } from './types.js'

const known = (key: string, t: Translate): string | undefined => (key in en ? t(key as PlainKey) : undefined)

export const stageName = (stage: string, t: Translate): string => known(`train.stage.${stage}`, t) ?? stage
export const stageAbout = ({ name, summary }: Pick<Stage, 'name' | 'summary'>, t: Translate): string =>
  known(`train.stage.${name}.about`, t) ?? summary

/** Parts of a speedrun: `answers sft` is the exam of `sft`. */
export function partName(part: string, t: Translate): string {
  if (part.startsWith('answers ')) return t('train.part.exam', { name: partName(part.slice(8), t) })
  return known(`train.part.${part}`, t) ?? part
}

export const stateName = (state: RunState, t: Translate): string => t(`train.state.${state}`)

export const stateTone = (state: RunState): 'neutral' | 'good' | 'bad' | 'accent' =>
  state === 'finished'
    ? 'good'
    : state === 'failed' || state === 'interrupted'
      ? 'bad'
      : state === 'running'
        ? 'accent'
        : 'neutral'

/** What a curve is called in a legend. */
export const curveName = (metric: string, t: Translate): string =>
  known(`train.metric.${metric.replaceAll('/', '.')}`, t) ?? metric
