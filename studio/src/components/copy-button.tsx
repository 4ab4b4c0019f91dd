import { useEffect, useState } from 'react'
import { useT } from '../i18n/index.js'
import { IconButton } from './button.js'
import { notify } from './toasts.js'

export function CopyButton({ text, label }: { readonly text: string; readonly label?: string }) {
  const t = useT()
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  const copy = async () => {
    const copied = await copyText(text)
    setDone(copied)
    notify(copied ? t('common.copied') : t('code.notCopied'), copied ? 'good' : 'bad')
  }
  return (
    <IconButton icon={done ? 'check' : 'copy'} label={label ?? t('common.copy')} onClick={copy} size={16} />
  )
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyByCommand(text)
  }
}

/** The clipboard API is for secure contexts only; a studio reached over plain HTTP in the house has this. */
function copyByCommand(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'visually-hidden'
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  return copied
}
