// Builds the page into dist/webserver/ui, beside the compiled server that serves it.

import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/webserver/ui',
    emptyOutDir: true,
    target: 'es2022',
    // The page's content security policy forbids inline assets.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
