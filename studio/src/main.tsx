import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { watchSession } from './api/session.js'
import { App } from './app.js'
import { applyLocale } from './i18n/index.js'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/dialog.css'
import './styles/shell.css'
import { applyTheme } from './theme.js'

applyTheme()
applyLocale()
watchSession()
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
