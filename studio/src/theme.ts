/** Light, dark, or as the system has it. */
import { createSavedStore } from './lib/store.js'

export type Theme = 'system' | 'light' | 'dark'

export const themes: readonly Theme[] = ['system', 'light', 'dark']

export const theme = createSavedStore<Theme>('athanor.theme', 'system', (value): value is Theme =>
  themes.includes(value as Theme),
)

/** Keeps the page's attribute as the person chose; the colours follow in CSS. */
export function applyTheme(): void {
  const apply = () => {
    const chosen = theme.get()
    if (chosen === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = chosen
  }
  apply()
  theme.subscribe(apply)
}
