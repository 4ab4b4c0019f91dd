/** Records of a file, page by page. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { Button } from '../../components/button.js'
import { ErrorNotice, Spinner } from '../../components/states.js'
import { useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import type { DataSample, Turn } from './types.js'

const SIZE = 10

export function Samples({ id, file }: { readonly id: string; readonly file?: string }) {
  const t = useT()
  const [offset, setOffset] = useState(0)
  const page = useResource(`${id} ${file} ${offset}`, (signal) =>
    api.get<{ items: DataSample[]; next?: number }>(`api/data/${encodeURIComponent(id)}/samples`, {
      signal,
      query: { file, offset, limit: SIZE },
    }),
  )
  if (page.error) return <ErrorNotice error={page.error} onRetry={page.reload} />
  if (!page.data) return <Spinner />
  const { items, next } = page.data
  return (
    <div className="stack">
      {items.length === 0 && <p className="soft">{t('data.noRecords')}</p>}
      <ul className="examples">
        {items.map((sample) => (
          <li key={sample.index} className="example">
            <p className="small soft">
              #{sample.index + 1}
              {sample.title && ` · ${sample.title}`}
            </p>
            {sample.messages ? (
              <Dialogue turns={sample.messages} />
            ) : (
              <p className={sample.json ? 'example-text example-code' : 'example-text'}>
                {sample.json ?? sample.text}
              </p>
            )}
          </li>
        ))}
      </ul>
      <div className="row row-center">
        <Button icon="left" disabled={offset === 0} onClick={() => setOffset(Math.max(0, offset - SIZE))}>
          {t('data.before')}
        </Button>
        <Button icon="right" disabled={next === undefined} onClick={() => setOffset(next ?? offset)}>
          {t('data.after')}
        </Button>
      </div>
    </div>
  )
}

export function Dialogue({ turns }: { readonly turns: readonly Turn[] }) {
  return (
    <dl className="dialogue">
      {turns.map(({ role, content }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: turns have no other name
        <div key={index} className={`turn turn-${role}`}>
          <dt>{role}</dt>
          <dd>{content}</dd>
        </div>
      ))}
    </dl>
  )
}
