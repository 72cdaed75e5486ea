#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { refuseOldNode } from './node-version.ts'

refuseOldNode()
// A server does what is heavy in processes of their own; in this one compilers that optimize would take more memory, for
// themselves and for what they make, than they save time. Before anything else is loaded, which they would begin with.
if (process.argv.includes('serve'))
  for (const flag of ['--optimize-for-size', '--no-opt', '--no-maglev']) setFlagsFromString(flag)

// Not before: what it consists of is in a language that an older Node cannot even parse.
const { run } = await import('./run.ts')
await run(process.argv.slice(2))
