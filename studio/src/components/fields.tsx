import {
  type InputHTMLAttributes,
  type ReactNode,
  type Ref,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react'
import { cx } from '../lib/class-names.js'

interface FieldFrame {
  readonly label: string
  /** Says more, below the control. */
  readonly hint?: ReactNode
  readonly error?: string | undefined
  /** The label is for screen readers only: the place says it to everybody else. */
  readonly hideLabel?: boolean | undefined
  readonly className?: string | undefined
}

function Frame(
  props: FieldFrame & { readonly id: string; readonly children: ReactNode; readonly value?: string },
) {
  const { id, label, hint, error, hideLabel, className, children, value } = props
  return (
    <div className={cx('field', className)}>
      <label htmlFor={id} className={hideLabel ? 'visually-hidden' : 'field-label'}>
        <span>{label}</span>
        {value !== undefined && <output className="field-value">{value}</output>}
      </label>
      {children}
      {(hint || error) && (
        <p
          id={`${id}-hint`}
          className={cx('field-hint', error && 'field-error')}
          role={error ? 'alert' : undefined}
        >
          {error ?? hint}
        </p>
      )}
    </div>
  )
}

/** What a field's frame gets, and its control. */
function useField<Props extends FieldFrame>(props: Props) {
  const id = useId()
  const { label, hint, error, hideLabel, className, ...rest } = props
  const control = {
    id,
    'aria-describedby': hint || error ? `${id}-hint` : undefined,
    'aria-invalid': error ? true : undefined,
    ...rest,
  }
  return { frame: { id, label, hint, error, hideLabel, className }, control }
}

type Input = FieldFrame &
  Omit<InputHTMLAttributes<HTMLInputElement>, 'className'> & { readonly ref?: Ref<HTMLInputElement> }

export function TextField(props: Input) {
  const { frame, control } = useField(props)
  return (
    <Frame {...frame}>
      <input className="input" autoComplete="off" {...control} />
    </Frame>
  )
}

type Area = FieldFrame &
  Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'className'> & { readonly ref?: Ref<HTMLTextAreaElement> }

export function TextArea(props: Area) {
  const { frame, control } = useField(props)
  return (
    <Frame {...frame}>
      <textarea className="input textarea" {...control} />
    </Frame>
  )
}

type Select = FieldFrame &
  Omit<SelectHTMLAttributes<HTMLSelectElement>, 'className'> & {
    readonly options: readonly { readonly value: string; readonly label: string }[]
  }

export function SelectField({ options, ...props }: Select) {
  const { frame, control } = useField(props)
  return (
    <Frame {...frame}>
      <span className="select">
        <select className="input" {...control}>
          {options.map(({ value, label: text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </span>
    </Frame>
  )
}

type Slide = FieldFrame &
  Omit<InputHTMLAttributes<HTMLInputElement>, 'className' | 'value' | 'onChange'> & {
    readonly value: number
    readonly onValue: (value: number) => void
    /** The value in words; shown beside the label and read out. */
    readonly text?: string
  }

export function Slider({ onValue, text, ...props }: Slide) {
  const { frame, control } = useField(props)
  return (
    <Frame {...frame} value={text ?? String(props.value)}>
      <input
        type="range"
        className="slider"
        aria-valuetext={text}
        onChange={(event) => onValue(event.target.valueAsNumber)}
        {...control}
      />
    </Frame>
  )
}

interface SwitchProps {
  readonly label: string
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
  readonly hint?: string
  readonly disabled?: boolean
}

export function Switch({ label, checked, onChange, hint, disabled }: SwitchProps) {
  const id = useId()
  return (
    <div className="field">
      <label className="switch">
        <input
          type="checkbox"
          role="switch"
          checked={checked}
          aria-checked={checked}
          disabled={disabled}
          aria-describedby={hint ? id : undefined}
          onChange={(event) => onChange(event.target.checked)}
        />
        <span>{label}</span>
      </label>
      {hint && (
        <p id={id} className="field-hint">
          {hint}
        </p>
      )}
    </div>
  )
}

interface SegmentsProps<T extends string> {
  readonly label: string
  readonly value: T
  readonly options: readonly { readonly value: T; readonly label: ReactNode; readonly title?: string }[]
  readonly onChange: (value: T) => void
}

/** A few choices side by side, of which one is chosen: radio buttons in other clothes. */
export function Segments<T extends string>({ label, value, options, onChange }: SegmentsProps<T>) {
  const name = useId()
  return (
    <fieldset className="segments">
      <legend className="visually-hidden">{label}</legend>
      {options.map((option) => (
        <label key={option.value} className="segment" title={option.title}>
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
            aria-label={option.title}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  )
}
