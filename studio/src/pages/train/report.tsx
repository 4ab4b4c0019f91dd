/** The report card of a run. */
import { send } from '../../api/client.js'
import { useSession } from '../../api/session.js'
import { Icon } from '../../components/icon.js'
import { Markdown } from '../../components/markdown.js'
import { Card, Page as Frame } from '../../components/page.js'
import { ErrorNotice, Spinner } from '../../components/states.js'
import { useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import { href } from '../../router.js'

export function Report({ id }: { readonly id: string }) {
  const t = useT()
  const { session } = useSession()
  const path = `api/runs/${encodeURIComponent(id)}/report`
  // A frame cannot send a key: with one, the report is shown as text.
  const framed = session !== undefined && !session.authRequired
  const text = useResource(session && !framed ? path : undefined, async (signal) =>
    (await send('GET', `${path}.md`, undefined, { signal })).text(),
  )
  return (
    <Frame
      wide
      title={t('train.report')}
      description={<a href={href('train', id)}>{t('train.back')}</a>}
      actions={
        framed && (
          <a className="button" href={`${path}.html`} target="_blank" rel="noreferrer">
            <Icon name="external" />
            {t('train.openReport')}
          </a>
        )
      }
    >
      {framed ? (
        <iframe className="report-frame" title={t('train.report')} src={`${path}.html`} sandbox="" />
      ) : text.error ? (
        <ErrorNotice error={text.error} onRetry={text.reload} />
      ) : text.data === undefined ? (
        <Spinner />
      ) : (
        <Card>
          <Markdown text={text.data} />
        </Card>
      )}
    </Frame>
  )
}
