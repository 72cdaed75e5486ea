import './styles.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { askForOverview } from './api/queries.ts'
import { Console } from './console.tsx'
import { restoreTheme } from './parts/theme.ts'
import { parseRoute } from './routing/routes.ts'
import { keepLink, openLinks } from './session/link.ts'

keepLink()
openLinks()
restoreTheme()
if (parseRoute(window.location.hash).page === 'overview') askForOverview().catch(() => {})

const place = document.getElementById('console')
if (place === null) throw new Error('index.html has no place for the console')
createRoot(place).render(
  <StrictMode>
    <Console />
  </StrictMode>,
)
