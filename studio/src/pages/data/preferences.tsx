/** Answers that were preferred to others: by people here, or in a file. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { Button } from '../../components/button.js'
import { SelectField } from '../../components/fields.js'
import { Badge, ErrorNotice, Spinner } from '../../components/states.js'
import { useFormats, useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import { Dialogue } from './samples.js'
import type { DataFile, Preference } from './types.js'

const SIZE = 10

export function Preferences({ files }: { readonly files: readonly DataFile[] }) {
  const t = useT()
  const format = useFormats()
  const [path, setPath] = useState('')
  const [offset, setOffset] = useState(0)
  const page = useResource(`${path} ${offset}`, (signal) =>
    api.get<{ items: Preference[]; next?: number }>('api/data/pairs', {
      signal,
      query: { path, offset, limit: SIZE },
    }),
  )
  const likely = files.filter(({ path }) => /\.jsonl?(\.gz)?$/i.test(path))
  const known = (path: string) => /rank|pair|prefer|dpo|rlhf/i.test(path)
  const sorted = [...likely.filter(({ path }) => known(path)), ...likely.filter(({ path }) => !known(path))]
  return (
    <div className="stack">
      <SelectField
        label={t('data.from')}
        value={path}
        onChange={(event) => {
          setPath(event.target.value)
          setOffset(0)
        }}
        options={[
          { value: '', label: t('data.people') },
          ...sorted.map(({ path }) => ({ value: path, label: path })),
        ]}
      />
      {page.error ? (
        <ErrorNotice error={page.error} />
      ) : !page.data ? (
        <Spinner />
      ) : page.data.items.length === 0 ? (
        <p className="soft">{t('data.noPreferences')}</p>
      ) : (
        <>
          <ul className="examples">
            {page.data.items.map((item, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a page of a file has no other names
              <li key={`${offset} ${index}`} className="card preference">
                <Dialogue turns={item.prompt} />
                <ol className="answers">
                  {[...item.answers]
                    .sort((a, b) => a.rank - b.rank)
                    .map(({ text, rank }) => (
                      <li key={`${rank} ${text}`} className={rank === 1 ? 'answer answer-best' : 'answer'}>
                        <Badge tone={rank === 1 ? 'good' : 'neutral'}>{format.number(rank)}</Badge>
                        <span className="example-text">{text}</span>
                      </li>
                    ))}
                </ol>
                {(item.labeler || item.created) && (
                  <p className="small soft">
                    {[item.labeler, item.created && format.date(item.created)].filter(Boolean).join(' · ')}
                  </p>
                )}
              </li>
            ))}
          </ul>
          <div className="row row-center">
            <Button icon="left" disabled={offset === 0} onClick={() => setOffset(Math.max(0, offset - SIZE))}>
              {t('data.before')}
            </Button>
            <Button
              icon="right"
              disabled={page.data.next === undefined}
              onClick={() => setOffset(page.data?.next ?? offset)}
            >
              {t('data.after')}
            </Button>
          </div>
        </>
      )}
    </div>
  )
}
