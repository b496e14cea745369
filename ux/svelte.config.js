import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

export default {
  preprocess: vitePreprocess({ script: true, style: false }),
  compilerOptions: { runes: true },
  // The compiler finds missing labels, wrong roles and unused styles: none of them may ship.
  onwarn(warning) {
    throw new Error(`${warning.filename ?? ''}:${warning.start?.line ?? 0}: ${warning.code}: ${warning.message}`);
  },
};
