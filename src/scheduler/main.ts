#!/usr/bin/env node
/** `chame-backup-scheduler`: what `chame-backup scheduler` is, under the name that stands in units and crontabs. */
import { run } from '../cli/run.ts'

await run(['scheduler', ...process.argv.slice(2)])
