#!/usr/bin/env node
import { refuseOldNode } from './node-version.ts'

refuseOldNode()
// Not before: what it consists of is in a language that an older Node cannot even parse.
const { run } = await import('./run.ts')
await run(process.argv.slice(2))
