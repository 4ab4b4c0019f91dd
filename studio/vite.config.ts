import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** `athanor serve` answers these; `vite studio` (the development server) hands them on to it. */
const server = process.env.ATHANOR_URL ?? 'http://127.0.0.1:8000'

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  build: {
    outDir: '../dist/studio',
    emptyOutDir: true,
    target: 'es2023',
    // One small file: a page that is opened after a moment without the server is not left without its looks.
    cssCodeSplit: false,
    reportCompressedSize: false,
    rolldownOptions: { checks: { pluginTimings: false } },
    chunkSizeWarningLimit: 1000,
    // Inlined fonts and images would need `data:` in the content security policy.
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/v1': server, '/api': server, '/tokenize': server, '/health': server } },
})
