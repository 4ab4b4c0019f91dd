import { Icon } from '../../components/icon.js'
import { type PlainKey, useT } from '../../i18n/index.js'

const suggestions: readonly PlainKey[] = ['welcome.explain', 'welcome.write', 'welcome.facts', 'welcome.list']

/** An empty conversation: what one might say. */
export function Welcome({
  onPick,
  canTalk,
}: {
  readonly onPick: (text: string) => void
  readonly canTalk: boolean
}) {
  const t = useT()
  return (
    <div className="welcome">
      <span className="welcome-mark">
        <Icon name="train" size={34} />
      </span>
      <h2>{t('welcome.title')}</h2>
      <p className="soft">{t('welcome.text')}</p>
      <ul className="suggestions">
        {suggestions.map((key) => (
          <li key={key}>
            <button type="button" className="suggestion" disabled={!canTalk} onClick={() => onPick(t(key))}>
              {t(key)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
