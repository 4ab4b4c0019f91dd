import { useState } from 'react'
import { api } from '../../api/client.js'
import { hasScope, useSession } from '../../api/session.js'
import { Button } from '../../components/button.js'
import { Page as Frame } from '../../components/page.js'
import { EmptyState, ErrorNotice, Spinner } from '../../components/states.js'
import { useT } from '../../i18n/index.js'
import { useShortcuts } from '../../lib/keys.js'
import { useResource } from '../../lib/use-resource.js'
import { href } from '../../router.js'
import { AddModel } from '../train/add-model.js'
import { ModelCard } from './model-card.js'
import '../../styles/workshop.css'
import './models.css'
import { NextRound } from './next-round.js'
import type { Model } from './types.js'

export function Page() {
  const t = useT()
  const { session } = useSession()
  const [adding, setAdding] = useState(false)
  const models = useResource('models', (signal) => api.get<{ models: Model[] }>('api/models', { signal }))
  const isAdmin = hasScope(session, 'admin')
  useShortcuts({ n: () => isAdmin && setAdding(true) })
  const all = models.data?.models ?? []
  const replace = (next: Model) =>
    models.set((old) => ({
      models: (old?.models ?? []).map((model) => (model.name === next.name ? next : model)),
    }))
  return (
    <Frame
      title={t('models.title')}
      description={t('models.about')}
      actions={
        isAdmin && (
          <Button icon="plus" onClick={() => setAdding(true)}>
            {t('models.add')}
          </Button>
        )
      }
    >
      {models.data === undefined ? (
        models.error ? (
          <ErrorNotice error={models.error} onRetry={models.reload} />
        ) : (
          <Spinner />
        )
      ) : all.length === 0 ? (
        <EmptyState
          icon="models"
          title={t('models.none')}
          action={
            <a className="button button-primary" href={href('train', 'new')}>
              {t('train.new')}
            </a>
          }
        >
          {t('models.noneText')}
        </EmptyState>
      ) : (
        <>
          {all.map((model) => (
            <ModelCard key={model.name} model={model} isAdmin={isAdmin} onChange={replace} />
          ))}
          {isAdmin && <NextRound />}
        </>
      )}
      {adding && (
        <AddModel
          suggestion=""
          onClose={() => setAdding(false)}
          onAdded={() => {
            setAdding(false)
            models.reload()
          }}
        />
      )}
    </Frame>
  )
}
