import { defineConfig } from 'vitest/config';

// Real servers and a real browser: two files at a time, as they share two cores.
export default defineConfig({
  test: { include: ['tests/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 600_000, fileParallelism: true, maxWorkers: 2, minWorkers: 1 },
});
