import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig, type UserConfig } from 'vite'

/**
 * Builds the console into `dist/web`: files of its own origin only and nothing inline, because the server's
 * content security policy allows nothing else.
 */
const config: UserConfig = defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  plugins: [react(), tailwindcss()],
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    // Browsers with light-dark(), popovers and :has(): all that were current in 2025.
    target: ['chrome123', 'firefox128', 'safari17.5'],
    // A data: URL would be an exception to ask of the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
})

export default config
