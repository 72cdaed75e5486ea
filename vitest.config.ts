import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { SkippedReporter } from './test/support/skipped-reporter.ts'

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests start real processes and fill real disks; a slow machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    pool: 'forks',
    reporters: ['default', new SkippedReporter()],
    // Tests import the product as every other process does, with Node itself: what ran is then the source as it
    // stands, in which coverage can be counted.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    ...(process.env['BRANCHES'] === undefined
      ? {}
      : { globalSetup: ['scripts/branches/gate.ts'], setupFiles: ['test/support/count-branches.ts'] }),
  },
})

export default config
