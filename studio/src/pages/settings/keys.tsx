/** API keys: made, shown once, revoked. */
import { useState } from 'react'
import { api } from '../../api/client.js'
import { Button, IconButton } from '../../components/button.js'
import { CopyButton } from '../../components/copy-button.js'
import { ConfirmDialog, Dialog } from '../../components/dialog.js'
import { SelectField, Switch, TextField } from '../../components/fields.js'
import { FormDialog } from '../../components/form-dialog.js'
import { Card } from '../../components/page.js'
import { Badge, ErrorNotice, errorText, Spinner } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useFormats, useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'

const scopes = ['chat', 'feedback', 'admin'] as const
type Scope = (typeof scopes)[number]

interface Key {
  readonly id: string
  readonly name: string
  readonly user: string
  readonly scopes: readonly Scope[]
  readonly hint: string
  readonly created: number
  readonly expires?: number
  readonly lastUsed?: number
  readonly state: 'valid' | 'revoked' | 'expired'
}

export function Keys() {
  const t = useT()
  const format = useFormats()
  const keys = useResource('keys', (signal) => api.get<{ items: Key[] }>('api/keys', { signal }))
  const [making, setMaking] = useState(false)
  const [revoking, setRevoking] = useState<Key>()
  const revoke = async (key: Key) => {
    setRevoking(undefined)
    try {
      await api.delete(`api/keys/${encodeURIComponent(key.id)}`)
      notify(t('settings.revoked', { name: key.name }))
      keys.reload()
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
  }
  const items = [...(keys.data?.items ?? [])].reverse()
  return (
    <Card
      title={t('settings.keys')}
      actions={
        <Button variant="primary" icon="plus" onClick={() => setMaking(true)}>
          {t('settings.newKey')}
        </Button>
      }
    >
      <p className="soft">{t('settings.keysText')}</p>
      {keys.error ? (
        <ErrorNotice error={keys.error} onRetry={keys.reload} />
      ) : !keys.data ? (
        <Spinner />
      ) : items.length === 0 ? (
        <p className="soft">{t('settings.noKeys')}</p>
      ) : (
        <ul className="entries">
          {items.map((key) => (
            <li key={key.id} className="entry">
              <div className="grow">
                <p className="row">
                  <strong>{key.name}</strong>
                  <code className="soft">{key.hint}…</code>
                  {key.state !== 'valid' && <Badge tone="bad">{t(`settings.key.${key.state}`)}</Badge>}
                </p>
                <p className="small soft">
                  {key.scopes.map((scope) => t(`settings.scope.${scope}`)).join(', ')} ·{' '}
                  {t('settings.made', { time: format.ago(key.created) })}
                  {key.lastUsed !== undefined &&
                    ` · ${t('settings.lastUsed', { time: format.ago(key.lastUsed) })}`}
                  {key.expires !== undefined &&
                    ` · ${t('settings.expires', { time: format.ago(key.expires) })}`}
                </p>
              </div>
              {key.state === 'valid' && (
                <IconButton
                  icon="trash"
                  label={t('settings.revoke', { name: key.name })}
                  onClick={() => setRevoking(key)}
                />
              )}
            </li>
          ))}
        </ul>
      )}
      {making && (
        <NewKey
          onClose={() => {
            setMaking(false)
            keys.reload()
          }}
        />
      )}
      {revoking && (
        <ConfirmDialog
          title={t('settings.revoke', { name: revoking.name })}
          text={t('settings.revokeText')}
          action={t('settings.revokeAction')}
          onClose={() => setRevoking(undefined)}
          onConfirm={() => void revoke(revoking)}
        />
      )}
    </Card>
  )
}

const days = { never: undefined, month: 30, quarter: 90, year: 365 } as const

function NewKey({ onClose }: { readonly onClose: () => void }) {
  const t = useT()
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState<readonly Scope[]>(['chat', 'feedback'])
  const [expiry, setExpiry] = useState<keyof typeof days>('never')
  const [secret, setSecret] = useState<string>()
  const make = async () => {
    const lasts = days[expiry]
    const made = await api.post<{ secret: string }>('api/keys', {
      name: name.trim(),
      scopes: chosen,
      ...(lasts === undefined ? {} : { expires: Date.now() + lasts * 86_400_000 }),
    })
    setSecret(made.secret)
  }
  if (secret !== undefined)
    return (
      <Dialog
        title={t('settings.yourKey')}
        onClose={onClose}
        actions={
          <Button variant="primary" onClick={onClose}>
            {t('settings.kept')}
          </Button>
        }
      >
        <div className="stack">
          <p>{t('settings.once')}</p>
          <p className="secret">
            <code>{secret}</code>
            <CopyButton text={secret} />
          </p>
        </div>
      </Dialog>
    )
  return (
    <FormDialog
      title={t('settings.newKey')}
      action={t('settings.makeKey')}
      ready={name.trim() !== '' && chosen.length > 0}
      onSubmit={make}
      onClose={onClose}
    >
      <TextField
        label={t('models.name')}
        hint={t('settings.keyName')}
        value={name}
        maxLength={100}
        onChange={(event) => setName(event.target.value)}
      />
      <fieldset className="stack">
        <legend className="field-label">{t('settings.scopes')}</legend>
        {scopes.map((scope) => (
          <Switch
            key={scope}
            label={t(`settings.scope.${scope}`)}
            hint={t(`settings.scope.${scope}.about`)}
            checked={chosen.includes(scope)}
            onChange={(on) =>
              setChosen((old) => (on ? [...old, scope] : old.filter((each) => each !== scope)))
            }
          />
        ))}
      </fieldset>
      <SelectField
        label={t('settings.expiry')}
        value={expiry}
        onChange={(event) => setExpiry(event.target.value as keyof typeof days)}
        options={(Object.keys(days) as (keyof typeof days)[]).map((value) => ({
          value,
          label: t(`settings.expiry.${value}`),
        }))}
      />
    </FormDialog>
  )
}
