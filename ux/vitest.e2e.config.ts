import { defineConfig } from 'vitest/config';

// Real servers and a real browser: one file after the other, because they share two cores.
export default defineConfig({
  test: { include: ['tests/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000, fileParallelism: false },
});
