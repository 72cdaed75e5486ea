import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { buildDatabase } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { ndjsonText, readContent } from './build-export.ts'
import { Place } from './place.ts'

testWith(['linux'], 'memory does not grow with the export', async () => {
  const place = new Place()
  buildDatabase(place.source, 'CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE INDEX i ON t (a)')
  const lines = ndjsonText(readContent(place.source)).split('\n')
  const rows = 600_000
  const row = (id: number): string =>
    `{"table":"t","row":{"id":${id},"a":"${(id * 7919) % rows} ${'x'.repeat(40)}","b":${id}.5}}\n`
  const from = place.file('export.ndjson', `${lines.slice(0, 2).join('\n')}\n`)
  for (let id = 0; id < rows; id += 10_000) {
    writeFileSync(from, Array.from({ length: 10_000 }, (_, index) => row(id + index)).join(''), { flag: 'a' })
  }
  writeFileSync(from, `{"summary":{"tables":{"t":${rows}},"rows":${rows},"lost":[]}}\n`, { flag: 'a' })
  // A process that was there before may have had its peak then.
  expect(peakOfChildren()).toBe(0)
  let peakKib = 0
  const onProgress = (): void => void (peakKib = Math.max(peakKib, peakOfChildren()))
  const result = await protect(place.source, { engine: 'here' }).importData({
    from,
    to: place.target,
    onProgress,
  })
  expect(succeeded(result).rows).toBe(rows)
  expect(peakKib).toBeLessThan(150 << 10)
})

/** The largest resident size, in KiB, that any of this process's children ever had. */
function peakOfChildren(): number {
  const pids = readdirSync('/proc/self/task').flatMap(task =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
  )
  return Math.max(0, ...pids.map(pid => Number(/VmHWM:\s+(\d+)/.exec(statusOf(pid))?.[1] ?? 0)))
}

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}
