import type { Citation } from '../../api/types.js'
import { Icon } from '../../components/icon.js'
import { useT } from '../../i18n/index.js'

/** The passages that an answer rests on. */
export function Sources({ citations }: { readonly citations: readonly Citation[] }) {
  const t = useT()
  return (
    <section className="sources" aria-label={t('sources.title')}>
      <h3>
        <Icon name="book" size={15} />
        {t('sources.count', { n: citations.length })}
      </h3>
      <ol>
        {citations.map((citation, index) => (
          <li key={citation.passage ?? `${citation.document}${index}`}>
            <details className="source">
              <summary>
                <span className="source-number">{index + 1}</span>
                <span className="source-title">{citation.title ?? citation.document}</span>
              </summary>
              {citation.text && <blockquote>{citation.text}</blockquote>}
            </details>
          </li>
        ))}
      </ol>
    </section>
  )
}
