/** The same numbers of several runs, over each other. */
import { useMemo } from 'react'
import { api } from '../../api/client.js'
import { Page as Frame } from '../../components/page.js'
import { ErrorNotice, Spinner } from '../../components/states.js'
import { useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import { href, useRoute } from '../../router.js'
import { Chart, type ChartSeries } from './chart.js'
import { chartsOf } from './charts.js'
import type { Curve, Run } from './types.js'
import { curveName, partName } from './words.js'

interface Loaded {
  readonly run: Run
  readonly curves: readonly Curve[]
}

export function CompareRuns() {
  const t = useT()
  const ids = (useRoute().query.get('runs') ?? '').split(',').filter(Boolean).slice(0, 8)
  const loaded = useResource(ids.join(','), (signal) =>
    Promise.all(
      ids.map(async (id): Promise<Loaded> => {
        const path = `api/runs/${encodeURIComponent(id)}`
        const [run, { curves }] = await Promise.all([
          api.get<Run>(path, { signal }),
          api.get<{ curves: Curve[] }>(`${path}/curves`, { signal }),
        ])
        return { run, curves }
      }),
    ),
  )
  const charts = useMemo(() => together(loaded.data ?? []), [loaded.data])
  return (
    <Frame
      wide
      title={t('train.compare')}
      description={
        <span className="row">
          <a href={href('train')}>{t('train.all')}</a>
          <span aria-hidden="true">·</span>
          {(loaded.data ?? []).map(({ run }) => run.name).join(', ')}
        </span>
      }
    >
      {loaded.error ? (
        <ErrorNotice error={loaded.error} onRetry={loaded.reload} />
      ) : loaded.data === undefined ? (
        <Spinner />
      ) : charts.length === 0 ? (
        <p className="soft">{t('train.nothingInCommon')}</p>
      ) : (
        <div className="charts">
          {charts.map(({ name, title, lines }) => (
            <Chart
              key={name}
              title={title ? t(title) : name}
              series={lines.map(
                ({ run, curve }): ChartSeries => ({
                  label: [run, curve.part && partName(curve.part, t), curveName(curve.metric, t)]
                    .filter(Boolean)
                    .join(' · '),
                  steps: curve.steps,
                  values: curve.values,
                }),
              )}
            />
          ))}
        </div>
      )}
    </Frame>
  )
}

/** Charts with the lines of every run; what only one run has is left out, but for what all are about. */
function together(loaded: readonly Loaded[]) {
  const owners = new Map<Curve, string>(
    loaded.flatMap(({ run, curves }) => curves.map((curve) => [curve, run.name] as const)),
  )
  return chartsOf([...owners.keys()])
    .map(({ curves, ...chart }) => ({
      ...chart,
      lines: curves.map((curve) => ({ run: owners.get(curve)!, curve })),
    }))
    .filter(({ lines, minor }) => new Set(lines.map(({ run }) => run)).size > 1 || !minor)
}
