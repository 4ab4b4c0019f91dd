import type { Sampling } from '../api/types.js'
import { type PlainKey, useFormats, useT } from '../i18n/index.js'
import { Slider, TextField } from './fields.js'

interface Dial {
  readonly name: keyof Sampling
  readonly label: PlainKey
  readonly hint: PlainKey
  readonly min: number
  readonly max: number
  readonly step: number
  /** What the server does when nothing is said. */
  readonly standard: number
}

const dials: readonly Dial[] = [
  {
    name: 'temperature',
    label: 'sampling.temperature',
    hint: 'sampling.temperatureHint',
    min: 0,
    max: 2,
    step: 0.05,
    standard: 1,
  },
  {
    name: 'top_p',
    label: 'sampling.topP',
    hint: 'sampling.topPHint',
    min: 0.05,
    max: 1,
    step: 0.05,
    standard: 1,
  },
  {
    name: 'top_k',
    label: 'sampling.topK',
    hint: 'sampling.topKHint',
    min: 0,
    max: 200,
    step: 1,
    standard: 0,
  },
  {
    name: 'min_p',
    label: 'sampling.minP',
    hint: 'sampling.minPHint',
    min: 0,
    max: 0.5,
    step: 0.01,
    standard: 0,
  },
  {
    name: 'repetition_penalty',
    label: 'sampling.repetition',
    hint: 'sampling.repetitionHint',
    min: 1,
    max: 2,
    step: 0.05,
    standard: 1,
  },
]

interface SamplingProps {
  readonly value: Sampling
  readonly onChange: (next: Sampling) => void
}

/** How the next word is chosen, as sliders that explain themselves. */
export function SamplingFields({ value, onChange }: SamplingProps) {
  const t = useT()
  const format = useFormats()
  const set = (name: keyof Sampling, number: number | undefined) => {
    const { [name]: _, ...rest } = value
    onChange(number === undefined || Number.isNaN(number) ? rest : { ...rest, [name]: number })
  }
  const whole = (text: string) => (text.trim() === '' ? undefined : Math.trunc(Number(text)))
  return (
    <div className="stack">
      {dials.map(({ name, label, hint, min, max, step, standard }) => {
        const number = value[name] ?? standard
        const off = name === 'top_k' && number === 0
        return (
          <Slider
            key={name}
            label={t(label)}
            hint={t(hint)}
            min={min}
            max={max}
            step={step}
            value={number}
            text={off ? t('sampling.off') : format.number(number)}
            onValue={(next) => set(name, next === standard ? undefined : next)}
          />
        )
      })}
      <TextField
        label={t('sampling.maxTokens')}
        hint={t('sampling.maxTokensHint')}
        type="number"
        min={1}
        step={1}
        inputMode="numeric"
        value={value.max_tokens ?? ''}
        onChange={(event) => set('max_tokens', Math.max(1, whole(event.target.value) ?? Number.NaN))}
      />
      <TextField
        label={t('sampling.seed')}
        hint={t('sampling.seedHint')}
        type="number"
        step={1}
        inputMode="numeric"
        value={value.seed ?? ''}
        onChange={(event) => set('seed', whole(event.target.value))}
      />
    </div>
  )
}
