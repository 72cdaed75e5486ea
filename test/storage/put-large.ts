/** A process of its own that puts one large object, for tests that kill it: says "step" whenever bytes have arrived. */
import { openTarget } from '../../src/storage/open-target.ts'
import type { TargetConfig } from '../../src/config/targets.ts'
import { contentOf, patterned } from './contents.ts'

const [config = '', key = '', size = ''] = process.argv.slice(2)
await using target = await openTarget('there', JSON.parse(config) as TargetConfig, {
  directory: '/',
  environment: process.env,
})
await target.put(key, contentOf(patterned(Number(size))), {
  signal: new AbortController().signal,
  onBytes: () => process.stdout.write('step\n'),
})
process.stdout.write('done\n')
