import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { SkippedReporter } from './test/support/skipped-reporter.ts'

const COMPILE_CACHE = 'test/support/compile-cache.ts'

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests start real processes and fill real disks; a slow machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One more than CI has cores: now and then a test waits, for a disk, a line or another process.
    maxWorkers: 3,
    pool: 'forks',
    reporters: ['default', new SkippedReporter()],
    // Tests import the product as every other process does, with Node itself: what ran is then the source as it
    // stands, in which coverage can be counted.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    ...(process.env['BRANCHES'] === undefined
      ? { setupFiles: [COMPILE_CACHE] }
      : {
          globalSetup: ['scripts/branches/gate.ts'],
          setupFiles: ['test/support/count-branches.ts', COMPILE_CACHE],
        }),
  },
})

export default config
