/** What there is to learn from: data sets with a card, and single files. */
import { useState } from 'react'
import { TextField } from '../../components/fields.js'
import { Icon } from '../../components/icon.js'
import { Card } from '../../components/page.js'
import { Badge, EmptyState } from '../../components/states.js'
import { useFormats, useT } from '../../i18n/index.js'
import { href } from '../../router.js'
import type { Overview } from './types.js'

const SHOWN = 200

export function Sources({ overview }: { readonly overview: Overview }) {
  const t = useT()
  const format = useFormats()
  const [find, setFind] = useState('')
  const { sets, files } = overview
  if (sets.length + files.length === 0)
    return (
      <EmptyState icon="data" title={t('data.none')}>
        {t('data.noneText')}
      </EmptyState>
    )
  const wanted = files.filter(({ path }) => path.toLowerCase().includes(find.trim().toLowerCase()))
  return (
    <>
      {sets.length > 0 && (
        <section className="stack" aria-label={t('data.sets')}>
          <h2>{t('data.sets')}</h2>
          <ul className="set-grid">
            {sets.map((set) => (
              <li key={set.id}>
                <a className="set-link" href={href('data', 'set', set.id)}>
                  <Icon name="data" size={22} />
                  <span className="set-name">{set.title}</span>
                  <span className="small soft">{t('data.documents', { n: set.documents })}</span>
                  <Badge>{set.kind === 'built' ? t('data.built') : t('data.recipe')}</Badge>
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      {files.length > 0 && (
        <Card title={t('data.files')}>
          <TextField
            label={t('data.find')}
            hideLabel
            type="search"
            placeholder={t('data.find')}
            value={find}
            onChange={(event) => setFind(event.target.value)}
          />
          <ul className="file-list">
            {wanted.slice(0, SHOWN).map(({ id, path, bytes }) => (
              <li key={id}>
                <a href={href('data', 'file', id)}>{path}</a>
                <span className="small soft">{format.bytes(bytes)}</span>
              </li>
            ))}
          </ul>
          {wanted.length > SHOWN && (
            <p className="small soft">{t('data.moreFiles', { n: wanted.length - SHOWN })}</p>
          )}
        </Card>
      )}
    </>
  )
}
