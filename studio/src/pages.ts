/** The pages of the studio. Each is a chunk of its own, fetched when it is first opened. */
import { type ComponentType, lazy } from 'react'
import { ApiError } from './api/client.js'
import type { IconName } from './components/icon.js'
import type { PlainKey } from './i18n/index.js'

export interface PageEntry {
  readonly name: string
  readonly title: PlainKey
  readonly icon: IconName
  /** Pressed after `g`, it opens the page. */
  readonly shortcut: string
  readonly Component: ComponentType
}

const page = (load: () => Promise<{ readonly Page: ComponentType }>) =>
  lazy(async () => {
    const { Page } = await load().catch(() => {
      throw new ApiError('the page could not be fetched', 0, 'network')
    })
    return { default: Page }
  })

export const pages: readonly PageEntry[] = [
  {
    name: 'chat',
    title: 'nav.chat',
    icon: 'chat',
    shortcut: 'c',
    Component: page(() => import('./pages/chat/page.js')),
  },
  {
    name: 'compare',
    title: 'nav.compare',
    icon: 'compare',
    shortcut: 'r',
    Component: page(() => import('./pages/compare/page.js')),
  },
  {
    name: 'labeling',
    title: 'nav.labeling',
    icon: 'label',
    shortcut: 'l',
    Component: page(() => import('./pages/labeling/page.js')),
  },
  {
    name: 'playground',
    title: 'nav.playground',
    icon: 'playground',
    shortcut: 'p',
    Component: page(() => import('./pages/playground/page.js')),
  },
  {
    name: 'train',
    title: 'nav.train',
    icon: 'train',
    shortcut: 't',
    Component: page(() => import('./pages/train/page.js')),
  },
  {
    name: 'data',
    title: 'nav.data',
    icon: 'data',
    shortcut: 'd',
    Component: page(() => import('./pages/data/page.js')),
  },
  {
    name: 'models',
    title: 'nav.models',
    icon: 'models',
    shortcut: 'm',
    Component: page(() => import('./pages/models/page.js')),
  },
  {
    name: 'settings',
    title: 'nav.settings',
    icon: 'settings',
    shortcut: 's',
    Component: page(() => import('./pages/settings/page.js')),
  },
]
