/** One live line at the bottom of a terminal, and the bar that is drawn in it. */
import type { Io } from './io.js'

/** Between two drawings: fast enough to look alive, slow enough to cost nothing. */
const frameMilliseconds = 80

export interface Bar {
  readonly label: string
  readonly done: number
  /** Absent where the end is not known; then there is no bar, only the label and the details. */
  readonly total?: number
  /** From the most to the least important: those at the end go first where the line is too narrow. */
  readonly details: readonly string[]
}

/** The characters of a bar: filled, empty. */
export type BarStyle = readonly [filled: string, empty: string]
const smooth: BarStyle = ['━', '─']
const plain: BarStyle = ['#', '-']

const shortestBar = 8
const longestBar = 32

/** Lays a bar out in at most `width` characters. */
export function barLine(
  { label, done, total, details }: Bar,
  width: number,
  [filled, empty]: BarStyle = smooth,
): string {
  const fraction = total === undefined || total <= 0 ? undefined : Math.min(1, Math.max(0, done / total))
  const percent = fraction === undefined ? [] : [`${String(Math.floor(100 * fraction)).padStart(3)}%`]
  const shown = [...details]
  const compose = (bar: string[]) => [label, ...bar, ...percent, ...shown].join('  ')
  while (shown.length > 0 && compose([]).length > width) shown.pop()
  const room = Math.min(longestBar, width - compose([]).length - 2)
  if (fraction === undefined || room < shortestBar) return compose([]).slice(0, Math.max(0, width))
  const cells = Math.floor(fraction * room)
  return compose([filled.repeat(cells) + empty.repeat(room - cells)])
}

export interface ProgressLine {
  /** Whether there is a terminal that shows it. Where there is none, `draw` does nothing. */
  readonly isLive: boolean
  /** Shows a bar in place of the last one, at most some times a second unless `now`. */
  draw(bar: Bar, now?: boolean): void
  /** Writes lines that stay, above the bar. */
  print(lines: string): void
  /** Takes the bar away. */
  clear(): void
}

/** Draws on stderr. Every change is one write that overwrites the old line and only then cuts off its end: nothing flickers. */
export function createProgressLine(
  io: Pick<Io, 'stderr' | 'env' | 'now'>,
  { live = true } = {},
): ProgressLine {
  const { stderr, env } = io
  const isLive = live && stderr.isTTY && !isSet(env.CI) && env.TERM !== 'dumb'
  const style = writesUnicode(env) ? smooth : plain
  let shown = ''
  let bar: Bar | undefined
  let drawnAt = -Infinity

  // One column stays free: terminals differ in what a full line does to the cursor.
  const layOut = () => (bar ? barLine(bar, (stderr.columns || 80) - 1, style) : '')
  return {
    isLive,
    draw(next, now = false) {
      if (!isLive) return
      bar = next
      const time = io.now()
      if (!now && time - drawnAt < frameMilliseconds) return
      drawnAt = time
      const line = layOut()
      if (line === shown) return
      shown = line
      stderr.write(`\r${line}\x1b[K`)
    },
    print(lines) {
      const text = lines.endsWith('\n') ? lines : `${lines}\n`
      if (shown === '') {
        stderr.write(text)
        return
      }
      shown = layOut()
      stderr.write(`\r\x1b[K${text}${shown}`)
    },
    clear() {
      bar = undefined
      if (shown === '') return
      shown = ''
      stderr.write('\r\x1b[K')
    },
  }
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value.toLowerCase() !== 'false'
}

function writesUnicode(env: Io['env']): boolean {
  if (env.TERM === 'linux') return false
  // Windows' terminals all draw these characters, and set none of these variables.
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG
  return locale === undefined || /utf-?8/i.test(locale)
}
