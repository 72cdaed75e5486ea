import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { DatabaseOptions } from '../../src/index.ts'
import { buildLedger } from '../support/databases.ts'
import { callElsewhere } from '../support/other-process.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** The flushes and renames of one backup in a directory that is there already, in the order they happen. */
function orderOf(options: DatabaseOptions): string[] {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  const backupDir = join(directory, 'backups')
  buildLedger(path)
  callElsewhere({ path, backupDir }, [['createBackup', {}]])
  const log = join(directory, 'strace.log')
  const [answer] = callElsewhere({ path, backupDir, engine: 'here', ...options }, [['createBackup', {}]], {
    under: ['strace', '-f', '-qq', '-y', '-s', '1000', '-o', log, '-e', 'trace=fsync,fdatasync,rename'],
    env: { UV_THREADPOOL_SIZE: '1' },
  })
  const { filename } = succeeded(answer ?? { success: false, code: 'UNEXPECTED', message: 'no answer' })
  const calls = readFileSync(log, 'utf8')
    .split('\n')
    .filter(line => line.includes(backupDir))
  return calls.map(line =>
    line
      .replace(/^\d+ +/, '')
      .replaceAll(`${backupDir}/`, '')
      .replaceAll(filename, '<name>')
      .replaceAll(/\.chame-backup-[0-9a-f-]+\/[0-9a-f]{16}-/g, '<staging>/')
      .replaceAll(/\.chame-backup-[0-9a-f-]+/g, '<staging>')
      .replaceAll(/\(\d+</g, '(<')
      .replace(/ += 0$/, ''),
  )
}

const IMAGE_NAMED = 'rename("manual/<staging>/image.db", "manual/<name>")'
const METADATA_NAMED = 'rename("metadata/<staging>/metadata.json", "metadata/<name>.json")'

testWith(
  ['linux', 'strace'],
  'the image is flushed before it gets its name, the name before the metadata, and the metadata comes last',
  () => {
    expect(orderOf({})).toEqual([
      'fsync(<manual/<staging>/image.db>)',
      IMAGE_NAMED,
      'fsync(<manual>)',
      'fsync(<metadata/<staging>/metadata.json>)',
      METADATA_NAMED,
      'fsync(<metadata>)',
      'fsync(<audit.jsonl>)',
    ])
  },
)

testWith(
  ['linux', 'strace'],
  'a disposable backup, for test suites, is named in the same order and flushes nothing',
  () => {
    expect(orderOf({ disposable: true })).toEqual([IMAGE_NAMED, METADATA_NAMED])
  },
)
