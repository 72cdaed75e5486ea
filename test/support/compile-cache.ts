/**
 * Keeps compiled code for the next process: much of what tests take is starting processes, each of which would
 * compile the product anew. Not where branches are counted, which is exact only without it.
 */
import { enableCompileCache, flushCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

if (process.env['NODE_V8_COVERAGE'] === undefined) {
  const directory = fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url))
  process.env['NODE_COMPILE_CACHE'] = directory
  enableCompileCache(directory)
  // Vitest ends its workers with a signal, before they would write by themselves.
  afterAll(() => flushCompileCache())
}
