/** The speedrun that `npm start` began, in one line on every page but the one that shows it in full. */
import { keyQuestion } from './api/key.js'
import { needsKey, useSession } from './api/session.js'
import { Button } from './components/button.js'
import { Icon } from './components/icon.js'
import { Progress } from './components/states.js'
import { useFormats, useT } from './i18n/index.js'
import { href } from './router.js'
import { useStartRun } from './start-run.js'

export function StartBanner({ page }: { readonly page: string }) {
  const t = useT()
  const format = useFormats()
  const { session, error } = useSession()
  const start = session?.start
  const run = useStartRun(start)
  if (error?.status === 0)
    return (
      <div className="banner banner-bad" role="alert">
        <Icon name="warning" />
        <span>{t('error.network')}</span>
      </div>
    )
  if (needsKey(session) || error?.status === 401)
    return (
      <div className="banner">
        <Icon name="key" />
        <span>{t('error.key')}</span>
        <Button small onClick={() => keyQuestion.set('asked')}>
          {t('key.enter')}
        </Button>
      </div>
    )
  if (start?.state !== 'running' || page === 'train' || (page === 'chat' && session?.models.length === 0))
    return null
  return (
    <div className="banner">
      <Icon name="train" />
      <span>{run.part ? t('start.stage', { stage: run.part }) : t('start.running')}</span>
      <Progress label={t('start.progress')} value={run.done} />
      {run.done !== undefined && <span>{format.percent(run.done)}</span>}
      <a href={href('train')}>{t('start.watch')}</a>
    </div>
  )
}
