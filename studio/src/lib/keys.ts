/** Keyboard shortcuts of the whole page. */
import { useEffect, useRef } from 'react'

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    target.matches('input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select'))

/**
 * Calls what belongs to a pressed key: `{ '?': help, 'g c': goToChat, 'mod+k': search }`. `mod` is Ctrl, or Cmd on a Mac. Keys
 * without `mod` do nothing while the person types or a dialog is open.
 */
export function useShortcuts(shortcuts: Readonly<Record<string, () => void>>): void {
  const latest = useRef(shortcuts)
  latest.current = shortcuts
  useEffect(() => {
    let first: { key: string; at: number } | undefined
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing || event.altKey) return
      const mod = event.ctrlKey || event.metaKey
      if (!mod && (isTyping(event.target) || document.querySelector('dialog[open]'))) return
      const pressed = `${mod ? 'mod+' : ''}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`
      const follows =
        first && Date.now() - first.at < 1200 ? latest.current[`${first.key} ${pressed}`] : undefined
      first = { key: pressed, at: Date.now() }
      const action = follows ?? latest.current[pressed]
      if (!action) return
      event.preventDefault()
      action()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
}
