/**
 * The product as a program of its own loads it: what is shipped, which `npm test` builds first. Where the
 * coverage of the source is measured, the source.
 */
import type * as Product from '../../src/index.ts'

export async function loadProduct(): Promise<typeof Product> {
  const isMeasured = process.env['NODE_V8_COVERAGE'] !== undefined
  const entry = new URL(isMeasured ? '../../src/index.ts' : '../../dist/index.js', import.meta.url)
  return (await import(entry.href)) as typeof Product
}
