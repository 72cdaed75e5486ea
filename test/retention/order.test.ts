/** What a cleanup touches and in which order, as strace sees it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect } from 'vitest'
import { type Call, changedBy, fromAndTo, pathOf, traceNode } from '../crash/trace.ts'
import { flushBetween } from '../faults/order.ts'
import { buildLedger } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { daily, store } from './made-up.ts'
import { TEND } from './run-tend.ts'
import type { TendOrder } from './tend.ts'

interface Traced {
  readonly calls: readonly Call[]
  readonly path: string
  readonly backupDir: string
}

function traceCleanup(count: number): Traced {
  const directory = temporaryDirectory()
  const path = join(directory, 'data', 'app.db')
  const backupDir = join(directory, 'backups')
  mkdirSync(dirname(path))
  buildLedger(path)
  writeFileSync(`${path}-wal`, '')
  store(backupDir, daily(new Date().toISOString().slice(0, 10), count, {}, '00'))
  const order: TendOrder = { operation: 'cleanup', path, backupDir }
  const calls = traceNode([TEND, JSON.stringify(order)], join(temporaryDirectory(), 'trace'))
  return { calls, path, backupDir }
}

testWith(
  ['linux', 'strace'],
  'a cleanup never opens the database, and changes nothing outside its directory',
  () => {
    const { calls, path, backupDir } = traceCleanup(3)
    expect(calls.filter(call => pathOf(call).startsWith(dirname(path)))).toEqual([])
    const changed = new Set(calls.flatMap(changedBy))
    const outside = [...changed].filter(
      each => !each.startsWith(`${backupDir}/`) && each !== '/dev/null' && !each.includes('coverage'),
    )
    expect(outside).toEqual([])
    // It opens the lock, and reads metadata; images it does not even read.
    const opened = calls.filter(({ name }) => name === 'openat').map(pathOf)
    expect(opened.filter(each => each.startsWith(join(backupDir, 'daily')) && each.endsWith('.db'))).toEqual(
      [],
    )
  },
)

testWith(
  ['linux', 'strace'],
  'metadata goes first, then the image, each flushed, the oldest backup before the others',
  () => {
    const { calls, backupDir } = traceCleanup(4)
    const metadata = join(backupDir, 'metadata')
    const images = join(backupDir, 'daily')
    const marks = calls.filter(call => call.name === 'rename' && fromAndTo(call)[1].includes('.deleting-'))
    expect(marks).toHaveLength(3)
    const order = marks.map(mark => basename(fromAndTo(mark)[0], '.json'))
    expect(order).toEqual(order.toSorted())
    for (const [index, mark] of marks.entries()) {
      const unlinked = (path: string): Call | undefined =>
        calls.find(call => call.name === 'unlink' && pathOf(call) === path)
      const image = unlinked(join(images, order[index] ?? ''))
      const gone = unlinked(fromAndTo(mark)[1])
      expect(image).toBeDefined()
      expect(gone).toBeDefined()
      expect(flushBetween(calls, metadata, mark.returned, image?.entered ?? 0)).toBeDefined()
      expect(flushBetween(calls, images, image?.returned ?? 0, gone?.entered ?? 0)).toBeDefined()
      expect(flushBetween(calls, metadata, gone?.returned ?? 0, Number.POSITIVE_INFINITY)).toBeDefined()
    }
  },
)
