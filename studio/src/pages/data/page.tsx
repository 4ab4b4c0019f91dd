import { api } from '../../api/client.js'
import { Page as Frame } from '../../components/page.js'
import { ErrorNotice, Spinner } from '../../components/states.js'
import { type PlainKey, useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import { href, useRoute } from '../../router.js'
import '../../styles/workshop.css'
import './data.css'
import { FeedbackView } from './feedback-view.js'
import { Preferences } from './preferences.js'
import { Samples } from './samples.js'
import { SetView } from './set-view.js'
import { Sources } from './sources.js'
import type { Overview } from './types.js'

const tabs: readonly { readonly name: string; readonly title: PlainKey }[] = [
  { name: 'sources', title: 'data.sources' },
  { name: 'preferences', title: 'data.preferences' },
  { name: 'feedback', title: 'data.feedback' },
]

export function Page() {
  const t = useT()
  const [tab = 'sources', id] = useRoute().path
  const overview = useResource('data', (signal) => api.get<Overview>('api/data', { signal }))
  if (tab === 'set' && id !== undefined) return <SetView key={id} id={id} />
  if (tab === 'file' && id !== undefined)
    return (
      <Frame
        title={overview.data?.files.find((file) => file.id === id)?.path ?? t('data.file')}
        description={<a href={href('data')}>{t('data.all')}</a>}
      >
        <Samples key={id} id={id} />
      </Frame>
    )
  return (
    <Frame title={t('data.title')} description={t('data.about')}>
      <nav className="tabs" aria-label={t('data.title')}>
        {tabs.map(({ name, title }) => (
          <a
            key={name}
            className="tab"
            href={href('data', name)}
            aria-current={name === tab ? 'page' : undefined}
          >
            {t(title)}
          </a>
        ))}
      </nav>
      {overview.data === undefined ? (
        overview.error ? (
          <ErrorNotice error={overview.error} onRetry={overview.reload} />
        ) : (
          <Spinner />
        )
      ) : tab === 'preferences' ? (
        <Preferences files={overview.data.files} />
      ) : tab === 'feedback' ? (
        <FeedbackView feedback={overview.data.feedback} />
      ) : (
        <Sources overview={overview.data} />
      )}
    </Frame>
  )
}
