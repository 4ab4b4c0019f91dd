import type { Session } from '../../api/session.js'
import { Icon } from '../../components/icon.js'
import { Progress } from '../../components/states.js'
import { useFormats, useT } from '../../i18n/index.js'
import { href } from '../../router.js'
import { useStartRun } from '../../start-run.js'

/** The chat before there is a model: what is happening, and what can be done. Gives way by itself when a model is there. */
export function StartPanel({ session }: { readonly session: Session }) {
  const t = useT()
  const format = useFormats()
  const { start } = session
  const run = useStartRun(start)
  const running = start?.state === 'running'
  const failed = start?.state === 'failed'
  const trouble = session.models.filter(({ state }) => state === 'failed')
  return (
    <div className="chat-main start-panel">
      <div className="empty">
        <span className={running ? 'empty-icon glowing' : 'empty-icon'}>
          <Icon name="train" size={30} />
        </span>
        <h2>{running ? t('start.title') : failed ? t('start.failedTitle') : t('start.noneTitle')}</h2>
        <div className="empty-text">
          <p>{running ? t('start.text') : failed ? t('start.failedText') : t('start.noneText')}</p>
          {failed && start.message && <p className="small">{start.message}</p>}
          {trouble.map(({ name }) => (
            <p key={name} className="small">
              {t('start.modelFailed', { name })}
            </p>
          ))}
        </div>
        {running && (
          <div className="start-progress" role="status">
            <Progress label={t('start.progress')} value={run.done} />
            <p className="row row-center small soft">
              {run.part && <span>{t('start.now', { stage: run.part })}</span>}
              {run.done !== undefined && <span>{format.percent(run.done)}</span>}
            </p>
          </div>
        )}
        <a className="button button-primary" href={href('train')}>
          <Icon name="train" />
          {running ? t('start.watchTraining') : t('start.toTrain')}
        </a>
      </div>
    </div>
  )
}
