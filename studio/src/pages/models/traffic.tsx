/** A/B: which part of the conversations each version answers. */
import { useState } from 'react'
import { Button } from '../../components/button.js'
import { SelectField, Slider } from '../../components/fields.js'
import { useFormats, useT } from '../../i18n/index.js'
import type { Model } from './types.js'

interface Props {
  readonly model: Model
  readonly onSave: (shares: Record<string, number>) => Promise<void>
}

export function Traffic({ model, onSave }: Props) {
  const t = useT()
  const format = useFormats()
  const { live, traffic, versions } = model
  const others = versions.filter(({ version, missing }) => version !== live && !missing)
  const shared = others.find(({ version }) => traffic?.[version] !== undefined)?.version
  const [other, setOther] = useState(shared ?? others[0]?.version ?? '')
  const [share, setShare] = useState(shared ? Math.round(100 * traffic![shared]!) : 0)
  const [busy, setBusy] = useState(false)
  if (!live || others.length === 0) return null
  const chosen = others.some(({ version }) => version === other) ? other : others[0]!.version
  const was = traffic?.[chosen] ?? 0
  const store = async () => {
    setBusy(true)
    await onSave(share === 0 ? {} : { [live]: 1 - share / 100, [chosen]: share / 100 })
    setBusy(false)
  }
  return (
    <details className="more-settings" open={traffic !== undefined}>
      <summary>{t('models.traffic')}</summary>
      <form
        className="traffic"
        onSubmit={(event) => {
          event.preventDefault()
          void store()
        }}
      >
        <p className="soft small">{t('models.trafficText')}</p>
        <div className="traffic-row">
          <SelectField
            label={t('models.trafficTo')}
            value={chosen}
            onChange={(event) => setOther(event.target.value)}
            options={others.map(({ version, note }) => ({
              value: version,
              label: note ? `${version.slice(0, 8)} · ${note}` : version.slice(0, 8),
            }))}
          />
          <Slider
            label={t('models.share')}
            value={share}
            min={0}
            max={100}
            step={1}
            text={format.percent(share / 100)}
            onValue={setShare}
          />
          <Button type="submit" busy={busy} disabled={Math.round(100 * was) === share}>
            {t('common.save')}
          </Button>
        </div>
      </form>
    </details>
  )
}
