/** Collections of documents, which answers can be grounded in. */
import { useRef, useState } from 'react'
import { api } from '../../api/client.js'
import { Button, IconButton } from '../../components/button.js'
import { ConfirmDialog } from '../../components/dialog.js'
import { TextField } from '../../components/fields.js'
import { FormDialog } from '../../components/form-dialog.js'
import { Card } from '../../components/page.js'
import { EmptyState, ErrorNotice, errorText, Spinner } from '../../components/states.js'
import { notify } from '../../components/toasts.js'
import { useFormats, useT } from '../../i18n/index.js'
import { useResource } from '../../lib/use-resource.js'
import { href, navigate } from '../../router.js'

interface Collection {
  readonly name: string
  readonly description?: string
  readonly updated?: number
}

interface Document {
  readonly id: string
  readonly title: string
  readonly source?: string
  readonly bytes: number
  readonly created: number
}

/** What became of several files: one that cannot be read does not keep the others out. */
interface Added {
  readonly items: readonly Document[]
  readonly failed: readonly { readonly source: string; readonly error: { readonly message: string } }[]
}

const pathOf = (name: string) => `api/collections/${encodeURIComponent(name)}`

export function Collections({ chosen }: { readonly chosen: string | undefined }) {
  const t = useT()
  const collections = useResource('collections', (signal) =>
    api.get<{ items: Collection[] }>('api/collections', { signal }),
  )
  const [making, setMaking] = useState(false)
  if (chosen !== undefined) return <Documents key={chosen} name={chosen} />
  const items = collections.data?.items ?? []
  const add = (
    <Button variant="primary" icon="plus" onClick={() => setMaking(true)}>
      {t('settings.newCollection')}
    </Button>
  )
  return (
    <Card title={t('settings.collections')} actions={items.length > 0 && add}>
      {collections.error ? (
        <ErrorNotice error={collections.error} onRetry={collections.reload} />
      ) : !collections.data ? (
        <Spinner />
      ) : items.length === 0 ? (
        <EmptyState icon="book" title={t('settings.noCollections')} action={add}>
          {t('settings.collectionsText')}
        </EmptyState>
      ) : (
        <ul className="entries">
          {items.map(({ name, description }) => (
            <li key={name} className="entry">
              <div className="grow">
                <a href={href('settings', 'collections', name)}>{name}</a>
                {description && <p className="small soft">{description}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
      {making && <NewCollection onClose={() => setMaking(false)} />}
    </Card>
  )
}

function NewCollection({ onClose }: { readonly onClose: () => void }) {
  const t = useT()
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const make = async () => {
    await api.post('api/collections', {
      name: name.trim(),
      ...(description.trim() ? { description: description.trim() } : {}),
    })
    onClose()
    navigate(href('settings', 'collections', name.trim()))
  }
  return (
    <FormDialog
      title={t('settings.newCollection')}
      action={t('models.addAction')}
      ready={name.trim() !== ''}
      onSubmit={make}
      onClose={onClose}
    >
      <TextField label={t('models.name')} value={name} onChange={(event) => setName(event.target.value)} />
      <TextField
        label={t('settings.presetAbout')}
        value={description}
        onChange={(event) => setDescription(event.target.value)}
      />
    </FormDialog>
  )
}

function Documents({ name }: { readonly name: string }) {
  const t = useT()
  const format = useFormats()
  const collection = useResource(name, (signal) =>
    api.get<Collection & { items: Document[] }>(pathOf(name), { signal }),
  )
  const file = useRef<HTMLInputElement>(null)
  const [busy, setBusy] = useState(false)
  const [over, setOver] = useState(false)
  const [removing, setRemoving] = useState(false)
  const upload = async (files: readonly File[]) => {
    if (files.length === 0) return
    setBusy(true)
    try {
      const form = new FormData()
      for (const each of files) form.append('file', each)
      const { items, failed } = await api.post<Added>(`${pathOf(name)}/documents`, form)
      if (items.length > 0) notify(t('settings.uploaded', { n: items.length }))
      for (const { source, error } of failed) notify(`${source}: ${error.message}`, 'bad')
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
    setBusy(false)
    collection.reload()
  }
  const removeDocument = async (id: string) => {
    try {
      await api.delete(`${pathOf(name)}/documents/${encodeURIComponent(id)}`)
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
    collection.reload()
  }
  const removeAll = async () => {
    try {
      await api.delete(pathOf(name))
      navigate(href('settings', 'collections'))
    } catch (failure) {
      notify(errorText(failure, t), 'bad')
    }
  }
  return (
    <Card
      title={
        <span className="row">
          <a href={href('settings', 'collections')}>{t('settings.collections')}</a> / {name}
        </span>
      }
      actions={
        <IconButton icon="trash" label={t('settings.removeCollection')} onClick={() => setRemoving(true)} />
      }
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut for the button in it */}
      <div
        className={over ? 'drop drop-over' : 'drop'}
        onDragOver={(event) => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault()
          setOver(false)
          void upload([...event.dataTransfer.files])
        }}
      >
        <p className="soft">{t('settings.drop')}</p>
        <Button icon="upload" busy={busy} onClick={() => file.current?.click()}>
          {t('settings.upload')}
        </Button>
        <input
          ref={file}
          type="file"
          multiple
          hidden
          accept=".txt,.md,.html,.htm,.pdf"
          onChange={(event) => {
            void upload([...(event.target.files ?? [])])
            event.target.value = ''
          }}
        />
      </div>
      {collection.error ? (
        <ErrorNotice error={collection.error} onRetry={collection.reload} />
      ) : !collection.data ? (
        <Spinner />
      ) : (
        <ul className="entries">
          {collection.data.items.map((document) => (
            <li key={document.id} className="entry">
              <div className="grow">
                <p>{document.title}</p>
                <p className="small soft">
                  {document.source && `${document.source} · `}
                  {format.bytes(document.bytes)} · {format.ago(document.created)}
                </p>
              </div>
              <IconButton
                icon="trash"
                label={t('settings.removeDocument', { name: document.title })}
                onClick={() => void removeDocument(document.id)}
              />
            </li>
          ))}
        </ul>
      )}
      {removing && (
        <ConfirmDialog
          title={t('settings.removeCollection')}
          text={t('settings.removeCollectionText')}
          action={t('common.delete')}
          onClose={() => setRemoving(false)}
          onConfirm={() => void removeAll()}
        />
      )}
    </Card>
  )
}
