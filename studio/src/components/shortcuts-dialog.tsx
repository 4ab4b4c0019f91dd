import { type PlainKey, useT } from '../i18n/index.js'
import { pages } from '../pages.js'
import { Dialog } from './dialog.js'

/** The shortcuts of single pages; the pages themselves listen for them. */
const ofPage: Readonly<Record<string, readonly (readonly [keys: string, what: PlainKey])[]>> = {
  chat: [
    ['Enter', 'keys.send'],
    ['Shift Enter', 'keys.line'],
    ['Esc', 'keys.stop'],
    ['n', 'keys.newChat'],
    ['/', 'keys.search'],
    ['i', 'keys.focus'],
  ],
  compare: [
    ['1 – 9', 'keys.rank'],
    ['↑ ↓', 'keys.move'],
    ['=', 'keys.tie'],
    ['Ctrl Enter', 'keys.submit'],
  ],
  labeling: [
    ['1 – 9', 'keys.rank'],
    ['↑ ↓', 'keys.move'],
    ['=', 'keys.tie'],
    ['Ctrl Enter', 'keys.submit'],
    ['k', 'keys.skip'],
  ],
  playground: [
    ['Ctrl Enter', 'keys.run'],
    ['Esc', 'keys.stop'],
  ],
}

export function ShortcutsDialog({ page, onClose }: { readonly page: string; readonly onClose: () => void }) {
  const t = useT()
  const here = ofPage[page] ?? []
  return (
    <Dialog title={t('shell.shortcuts')} onClose={onClose}>
      <div className="shortcuts">
        {here.length > 0 && (
          <section>
            <h3>{t('keys.here')}</h3>
            <dl>
              {here.map(([keys, what]) => (
                <Row key={keys} keys={keys} what={t(what)} />
              ))}
            </dl>
          </section>
        )}
        <section>
          <h3>{t('keys.everywhere')}</h3>
          <dl>
            <Row keys="?" what={t('shell.shortcuts')} />
            {pages.map(({ name, title, shortcut }) => (
              <Row key={name} keys={`g ${shortcut}`} what={t(title)} />
            ))}
          </dl>
        </section>
      </div>
    </Dialog>
  )
}

function Row({ keys, what }: { readonly keys: string; readonly what: string }) {
  return (
    <div className="shortcut">
      <dt>{keys.split(' ').map((key) => (key === '–' ? ' – ' : <kbd key={key}>{key}</kbd>))}</dt>
      <dd>{what}</dd>
    </div>
  )
}
