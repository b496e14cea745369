import { defineConfig } from 'vitest/config';

// Real servers and a real browser: two files at a time, as they share two cores.
export default defineConfig({
  test: { include: ['tests/**/*.test.ts'], testTimeout: 300_000, hookTimeout: 300_000, fileParallelism: true, maxWorkers: 2, minWorkers: 1 },
});
