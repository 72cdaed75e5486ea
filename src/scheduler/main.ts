#!/usr/bin/env node
/** `chame-backup-scheduler`: what `chame-backup scheduler` is, under the name that stands in units and crontabs. */
import { refuseOldNode } from '../cli/node-version.ts'

refuseOldNode()
const { run } = await import('../cli/run.ts')
await run(['scheduler', ...process.argv.slice(2)])
