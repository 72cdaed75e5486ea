/** A disk that is full while something is noted. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { Database } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { succeeded } from './place.ts'

testWith(
  ['linux', 'root'],
  'on a full disk no half line stays, and the log goes on once there is room',
  async () => {
    const directory = temporaryDirectory()
    const backupDir = join(directory, 'backups')
    mkdirSync(backupDir)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', backupDir])
    onTestFinished(() => void execFileSync('umount', ['-l', backupDir]))
    const path = join(directory, 'app.db')
    buildDatabase(path, 'CREATE TABLE t (v)')
    const told: string[] = []
    const product = new Database({
      path,
      backupDir,
      engine: 'here',
      onAuditProblem: message => told.push(message),
    })
    succeeded(await product.createBackup())
    // All but less than a line: the log's last page has room for some more.
    const { bavail, bsize } = statfsSync(backupDir)
    writeFileSync(join(backupDir, 'ballast'), Buffer.alloc(bavail * bsize))
    for (let i = 0; i < 40 && told.length === 0; i++)
      await product.recordAction({ action: 'noted', parameters: { i } })
    expect(told[0]).toContain('Insufficient disk space')
    expect(statSync(join(backupDir, 'audit.jsonl')).size).toBeLessThanOrEqual(4_096)
    expect(await product.verifyAuditLog()).toMatchObject({ status: 'intact', notes: [] })
    rmSync(join(backupDir, 'ballast'))
    await product.recordAction({ action: 'noted' })
    const { entries } = succeeded(await product.auditLog({ limit: 1 }))
    expect(entries[0]?.gap).toEqual({ unwritten: 1 })
    expect((await product.verifyAuditLog()).success).toBe(true)
  },
)
