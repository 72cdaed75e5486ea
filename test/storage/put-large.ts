/** A process of its own that puts one large object and never ends, for tests that kill it: says "step" whenever bytes have arrived. */
import type { TargetConfig } from '../../src/config/targets.ts'
import { openTarget } from '../../src/storage/open-target.ts'
import { contentOf, patterned } from './contents.ts'

const [config = '', key = '', size = '', stopAt = ''] = process.argv.slice(2)
// Nothing else may keep it alive.
setInterval(() => {}, 60_000)
await using target = await openTarget('there', JSON.parse(config) as TargetConfig, {
  directory: '/',
  environment: process.env,
})
const bytes = patterned(Number(size))
const content = contentOf(bytes, {
  async *open(from) {
    let position = from
    for await (const chunk of contentOf(bytes).open(from)) {
      if (position >= Number(stopAt)) {
        process.stdout.write('stopped\n')
        await new Promise(() => {})
      }
      position += chunk.length
      yield chunk
    }
  },
})
await target.put(key, content, {
  signal: new AbortController().signal,
  onBytes: () => process.stdout.write('step\n'),
})
