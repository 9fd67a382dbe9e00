import { defineConfig } from 'vite';

export default defineConfig({
  base: './', // any path of any host
  worker: { format: 'es' },
  optimizeDeps: { exclude: ['palimpsest'] }, // its worker and wasm lie beside its modules
});
