/**
 * A process that runs one operation and takes a disk's space away when a step of it begins. Run by users who
 * may not use the blocks that a file system reserves.
 *
 * Usage: node run-filling.ts '<order as JSON>'. Prints the result as JSON.
 */
import { writeSync } from 'node:fs'
import { Database } from '../../src/index.ts'
import { disturbAt, takeSpace } from './moments.ts'

export interface FillOrder {
  readonly path: string
  readonly backupDir: string
  readonly operation: 'create' | 'restore'
  readonly disk: string
  readonly moment: string
  readonly leaveBytes: number
}

const { path, backupDir, operation, disk, moment, leaveBytes } = JSON.parse(
  process.argv[2] ?? '',
) as FillOrder
const database = new Database({ path, backupDir, engine: 'here' })
using disturbance = disturbAt(moment, () => takeSpace(disk, leaveBytes))
const { onProgress } = disturbance
const result = await (operation === 'create'
  ? database.createBackup({ onProgress })
  : database.restoreBackup('latest', { confirm: true, onProgress }))
writeSync(1, JSON.stringify(result))
