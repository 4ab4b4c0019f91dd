import { hasScope, useSession } from '../../api/session.js'
import { Page as Frame } from '../../components/page.js'
import { EmptyState } from '../../components/states.js'
import { type PlainKey, useT } from '../../i18n/index.js'
import { href, useRoute } from '../../router.js'
import { Collections } from './collections.js'
import { Keys } from './keys.js'
import { Presets } from './presets.js'
import '../../styles/workshop.css'
import './settings.css'
import { Transfer } from './transfer.js'
import { Usage } from './usage.js'

const tabs = [
  { name: 'keys', title: 'settings.keys' },
  { name: 'usage', title: 'settings.usage' },
  { name: 'presets', title: 'settings.presets' },
  { name: 'collections', title: 'settings.collections' },
  { name: 'data', title: 'settings.data' },
] as const satisfies readonly { name: string; title: PlainKey }[]

export function Page() {
  const t = useT()
  const { session } = useSession()
  const [tab = 'keys', item] = useRoute().path
  if (session && !hasScope(session, 'admin'))
    return (
      <Frame title={t('settings.title')}>
        <EmptyState icon="key" title={t('settings.noAdmin')}>
          {t('settings.noAdminText')}
        </EmptyState>
      </Frame>
    )
  return (
    <Frame title={t('settings.title')}>
      <nav className="tabs" aria-label={t('settings.title')}>
        {tabs.map(({ name, title }) => (
          <a
            key={name}
            className="tab"
            href={href('settings', name)}
            aria-current={name === tab ? 'page' : undefined}
          >
            {t(title)}
          </a>
        ))}
      </nav>
      {tab === 'usage' ? (
        <Usage />
      ) : tab === 'presets' ? (
        <Presets />
      ) : tab === 'collections' ? (
        <Collections chosen={item} />
      ) : tab === 'data' ? (
        <Transfer />
      ) : (
        <Keys />
      )}
    </Frame>
  )
}
