import { useSyncExternalStore } from 'react'

/** `system` follows the settings of the operating system. */
export type Theme = 'system' | 'light' | 'dark'

export const THEMES: readonly Theme[] = ['system', 'light', 'dark']

const KEY = 'chame-backup.theme'
const listeners = new Set<() => void>()
const systemIsDark = window.matchMedia('(prefers-color-scheme: dark)')

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  systemIsDark.addEventListener('change', listener)
  return () => {
    listeners.delete(listener)
    systemIsDark.removeEventListener('change', listener)
  }
}

function read(): Theme {
  const chosen = document.documentElement.dataset['theme']
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

/** Applies what was chosen on an earlier visit. */
export function restoreTheme(): void {
  try {
    apply(window.localStorage.getItem(KEY))
  } catch {
    // A browser that keeps nothing follows the system.
  }
}

export function chooseTheme(theme: Theme): void {
  apply(theme)
  try {
    window.localStorage.setItem(KEY, theme)
  } catch {
    // It holds until the page is left.
  }
  for (const listener of listeners) listener()
}

function apply(theme: string | null): void {
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme
  else delete document.documentElement.dataset['theme']
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, read)
}

/** Whether colours are the dark ones now; for what draws by itself. */
export function useIsDark(): boolean {
  return useSyncExternalStore(subscribe, () => {
    const theme = read()
    return theme === 'system' ? systemIsDark.matches : theme === 'dark'
  })
}
