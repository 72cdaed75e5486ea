/**
 * A process that commits to a ledger without pause until its standard input ends. It notes each commit that
 * SQLite has acknowledged in a file of eight bytes, which outlives it.
 *
 * Usage: node writer.ts <database> <acknowledgements> [pragmas]
 */
import { openSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { commitToLedger } from './ledger.ts'

const [path = '', acknowledgements = '', pragmas = ''] = process.argv.slice(2)
const connection = new DatabaseSync(path, { timeout: 60_000 })
connection.exec(pragmas)
const fd = openSync(acknowledgements, 'w')
const bytes = Buffer.alloc(8)
let isStopped = false
process.stdin.on('end', () => (isStopped = true)).resume()

while (!isStopped) {
  bytes.writeBigUInt64LE(BigInt(commitToLedger(connection)))
  writeSync(fd, bytes, 0, 8, 0)
  await yieldToEvents()
}
connection.close()
