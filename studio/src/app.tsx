import { Component, type ReactNode, Suspense, useEffect, useRef, useState } from 'react'
import { apiKey } from './api/key.js'
import { Button, IconButton } from './components/button.js'
import { Dialog } from './components/dialog.js'
import { Segments } from './components/fields.js'
import { Icon } from './components/icon.js'
import { KeyDialog } from './components/key-dialog.js'
import { ShortcutsDialog } from './components/shortcuts-dialog.js'
import { EmptyState, errorText, Spinner } from './components/states.js'
import { Toasts } from './components/toasts.js'
import { type Locale, locale, locales, useT } from './i18n/index.js'
import { useShortcuts } from './lib/keys.js'
import { useStore } from './lib/store.js'
import { pages } from './pages.js'
import { href, navigate, type Route, useRoute } from './router.js'
import { StartBanner } from './start-banner.js'
import { type Theme, theme } from './theme.js'

export function App() {
  const t = useT()
  const route = useRoute()
  const { page } = route
  // With another key, everything is asked again.
  const key = useStore(apiKey)
  const [help, setHelp] = useState(false)
  const [menu, setMenu] = useState(false)
  const main = useRef<HTMLElement>(null)
  const entry = pages.find(({ name }) => name === page)

  useEffect(() => {
    if (page === '') navigate(href('chat'), { replace: true })
  }, [page])

  useEffect(() => {
    document.title = entry ? `${t(entry.title)} · Athanor` : 'Athanor'
    setMenu(false)
  }, [entry, t])

  useShortcuts({
    '?': () => setHelp(true),
    ...Object.fromEntries(pages.map(({ name, shortcut }) => [`g ${shortcut}`, () => navigate(href(name))])),
  })

  return (
    <div className="shell">
      <button type="button" className="skip-link" onClick={() => main.current?.focus()}>
        {t('shell.skip')}
      </button>
      <header className="topbar">
        <IconButton icon="menu" label={t('shell.menu')} size={22} onClick={() => setMenu(true)} />
        <span className="topbar-title">Athanor</span>
      </header>
      <aside className="sidebar" aria-label={t('shell.sidebar')}>
        <Brand />
        <Navigation current={page} />
        <Preferences onHelp={() => setHelp(true)} />
      </aside>
      {menu && (
        <Dialog title="Athanor" side="left" onClose={() => setMenu(false)}>
          <Navigation current={page} onPick={() => setMenu(false)} />
          <Preferences
            onHelp={() => {
              setMenu(false)
              setHelp(true)
            }}
          />
        </Dialog>
      )}
      <main id="main" ref={main} className="main" tabIndex={-1}>
        <StartBanner page={page} />
        <Failsafe key={`${page} ${key}`} route={route}>
          <Suspense fallback={<Spinner />}>{entry ? <entry.Component /> : page && <NotFound />}</Suspense>
        </Failsafe>
      </main>
      {help && <ShortcutsDialog page={page} onClose={() => setHelp(false)} />}
      <KeyDialog />
      <Toasts />
    </div>
  )
}

function Brand() {
  return (
    <a className="brand" href={href('chat')} aria-label="Athanor">
      <span className="brand-mark">
        <Icon name="train" size={20} />
      </span>
      <span className="brand-name">Athanor</span>
    </a>
  )
}

function Navigation({ current, onPick }: { readonly current: string; readonly onPick?: () => void }) {
  const t = useT()
  return (
    <nav className="nav" aria-label={t('shell.navigation')}>
      <ul>
        {pages.map(({ name, title, icon }) => (
          <li key={name}>
            <a
              className="nav-link"
              href={href(name)}
              aria-current={name === current ? 'page' : undefined}
              title={t(title)}
              onClick={onPick}
            >
              <Icon name={icon} size={20} />
              <span>{t(title)}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}

/** Theme, language and the list of shortcuts. */
function Preferences({ onHelp }: { readonly onHelp: () => void }) {
  const t = useT()
  const chosen = useStore(theme)
  const language = useStore(locale)
  return (
    <div className="preferences">
      <Segments<Theme>
        label={t('shell.theme')}
        value={chosen}
        onChange={(next) => theme.set(next)}
        options={[
          { value: 'light', label: <Icon name="sun" size={16} />, title: t('shell.light') },
          { value: 'system', label: <Icon name="system" size={16} />, title: t('shell.system') },
          { value: 'dark', label: <Icon name="moon" size={16} />, title: t('shell.dark') },
        ]}
      />
      <div className="row preferences-row">
        <span className="select select-small">
          <select
            className="input"
            aria-label={t('shell.language')}
            value={language}
            onChange={(event) => locale.set(event.target.value as Locale)}
          >
            {Object.entries(locales).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </span>
        <IconButton icon="help" label={t('shell.shortcuts')} onClick={onHelp} />
      </div>
    </div>
  )
}

function NotFound() {
  const t = useT()
  return (
    <EmptyState
      icon="search"
      title={t('shell.notFound')}
      action={
        <a className="button button-primary" href={href('chat')}>
          {t('shell.toChat')}
        </a>
      }
    />
  )
}

interface FailsafeProps {
  readonly route: Route
  readonly children: ReactNode
}

interface Failure {
  readonly error?: unknown
  readonly route?: Route
}

/** Keeps a failure where it happened: elsewhere, on another tab of the same page too, everything is tried again. */
class Failsafe extends Component<FailsafeProps, Failure> {
  override state: Failure = {}

  static getDerivedStateFromError(error: unknown): Failure {
    return { error }
  }

  static getDerivedStateFromProps({ route }: FailsafeProps, { error, route: before }: Failure): Failure {
    return { route, error: before === undefined || before === route ? error : undefined }
  }

  override render() {
    return this.state.error === undefined ? this.props.children : <Failed error={this.state.error} />
  }
}

function Failed({ error }: { readonly error: unknown }) {
  const t = useT()
  return (
    <EmptyState
      icon="warning"
      title={t('shell.failed')}
      action={
        <Button variant="primary" icon="retry" onClick={() => location.reload()}>
          {t('shell.reload')}
        </Button>
      }
    >
      <p>{errorText(error, t)}</p>
    </EmptyState>
  )
}
