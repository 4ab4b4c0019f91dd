/** Curves over steps, drawn by uPlot in the colours of the theme. */
import { useEffect, useRef, useSyncExternalStore } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useFormats, useT } from '../../i18n/index.js'
import { useStore } from '../../lib/store.js'
import { theme } from '../../theme.js'

export interface ChartSeries {
  readonly label: string
  readonly steps: readonly number[]
  readonly values: readonly (number | null)[]
}

const HUES = 5
const DASHES: readonly (readonly number[] | undefined)[] = [undefined, [6, 4], [2, 3]]

const scheme = matchMedia('(prefers-color-scheme: dark)')

function watchScheme(listener: () => void): () => void {
  scheme.addEventListener('change', listener)
  return () => scheme.removeEventListener('change', listener)
}

/** Steps of all series in one table, with gaps where one has none. */
function joined(series: readonly ChartSeries[]): uPlot.AlignedData {
  if (series.length === 1) return [[...series[0]!.steps], [...series[0]!.values]] as uPlot.AlignedData
  return uPlot.join(series.map(({ steps, values }) => [[...steps], [...values]] as uPlot.AlignedData))
}

export function Chart({
  title,
  series,
}: {
  readonly title: string
  readonly series: readonly ChartSeries[]
}) {
  const t = useT()
  const format = useFormats()
  const chosen = useStore(theme)
  const dark = useSyncExternalStore(watchScheme, () => scheme.matches)
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const labels = series.map(({ label }) => label).join('\n')
  const short = (value: number | null | undefined) =>
    value == null ? '–' : format.number(value, { maximumSignificantDigits: 4 })

  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn anew for other series, colours and languages
  useEffect(() => {
    const element = holder.current!
    const style = getComputedStyle(element)
    const color = (name: string) => style.getPropertyValue(name).trim()
    const axis = {
      stroke: color('--text-soft'),
      grid: { stroke: color('--line'), width: 1 },
      ticks: { stroke: color('--line'), width: 1, size: 4 },
      font: `12px ${style.fontFamily}`,
    }
    const width = () => Math.max(200, element.clientWidth)
    const height = () => (element.clientWidth < 420 ? 190 : 220)
    const made = new uPlot(
      {
        width: width(),
        height: height(),
        cursor: { drag: { x: true, y: false }, points: { size: 7 } },
        scales: { x: { time: false } },
        legend: { live: true },
        axes: [
          { ...axis, values: (_, marks) => marks.map((mark) => format.number(mark)) },
          { ...axis, size: 56, values: (_, marks) => marks.map((mark) => short(mark)) },
        ],
        series: [
          { label: t('train.step'), value: (_, value) => short(value) },
          ...series.map(({ label }, i) => ({
            label,
            stroke: color(`--hue-${(i % HUES) + 1}`),
            width: 2,
            spanGaps: true,
            ...(DASHES[Math.floor(i / HUES)] ? { dash: [...DASHES[Math.floor(i / HUES)]!] } : {}),
            points: { show: (_: uPlot, n: number) => (series[n - 1]?.steps.length ?? 0) < 2 },
            value: (_: uPlot, value: number | null) => short(value),
          })),
        ],
      },
      joined(series),
      element,
    )
    plot.current = made
    const watcher = new ResizeObserver(() => made.setSize({ width: width(), height: height() }))
    watcher.observe(element)
    return () => {
      watcher.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [labels, chosen, dark, t])

  useEffect(() => {
    plot.current?.setData(joined(series))
  }, [series])

  const summary = series
    .map(({ label, steps, values }) =>
      t('train.chart.summary', {
        label,
        from: short(values[0]),
        to: short(values.at(-1)),
        step: steps.at(-1) ?? 0,
      }),
    )
    .join(' ')
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div ref={holder} className="chart-plot" role="img" aria-label={`${title}. ${summary}`} />
    </figure>
  )
}
