import { Button } from '../../components/button.js'
import { Dialog } from '../../components/dialog.js'
import { TextArea } from '../../components/fields.js'
import { SamplingFields } from '../../components/sampling-fields.js'
import { useT } from '../../i18n/index.js'
import { useStore } from '../../lib/store.js'
import { chatOptions } from './options.js'

interface OptionsProps {
  /** The conversation has begun: what is said before it cannot change any more. */
  readonly started: boolean
  readonly onClose: () => void
}

export function OptionsDrawer({ started, onClose }: OptionsProps) {
  const t = useT()
  const { system, sampling } = useStore(chatOptions)
  const isPlain = system === '' && Object.keys(sampling).length === 0
  return (
    <Dialog side="right" title={t('options.title')} onClose={onClose}>
      <div className="stack">
        <TextArea
          label={t('options.system')}
          hint={started ? t('options.systemLater') : t('options.systemHint')}
          value={system}
          rows={4}
          onChange={(event) => chatOptions.set((old) => ({ ...old, system: event.target.value }))}
        />
        <SamplingFields
          value={sampling}
          onChange={(next) => chatOptions.set((old) => ({ ...old, sampling: next }))}
        />
        <Button
          icon="retry"
          disabled={isPlain}
          onClick={() => chatOptions.set((old) => ({ ...old, system: '', sampling: {} }))}
        >
          {t('options.reset')}
        </Button>
      </div>
    </Dialog>
  )
}
