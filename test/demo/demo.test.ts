import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeSampleDatabase } from '../../demo/sample-database.ts'

const DEMO = fileURLToPath(new URL('../../demo/demo.ts', import.meta.url))

const parent = mkdtempSync(join(tmpdir(), 'chame-demo-test-'))
const { NODE_OPTIONS: _, ...environment } = process.env

function runDemo(...args: string[]): { exit: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [DEMO, ...args], {
    encoding: 'utf8',
    env: { ...environment, NO_COLOR: '1' },
  })
  return { exit: status, stdout, stderr }
}

afterAll(() => rmSync(parent, { recursive: true, force: true }))

describe('the demo', () => {
  const directory = join(parent, 'kept')
  let demo: ReturnType<typeof runDemo>
  beforeAll(() => {
    demo = runDemo('--dir', directory)
  })

  test('ends well, and says that everything was as promised', () => {
    expect(demo.stderr).toBe('')
    expect(demo.stdout).toMatch(/All \d+ checks held, in [\d.]+ s\./)
    expect(demo.stdout).not.toContain('✗')
    expect(demo.exit).toBe(0)
  })

  test.each([
    'Each is one committed state between its start and its end',
    'In each, every rule between the tables holds',
    'A restore that nobody confirmed is refused',
    'The broken state was backed up first',
    'The database opens, and is what the backup was',
    'Restore refuses it',
  ])('checks: %s', promise => {
    expect(demo.stdout).toContain(`✓ ${promise}`)
  })

  test('fits a terminal of 100 columns but for paths, and uses no colour when asked not to', () => {
    expect(demo.stdout).toBe(stripVTControlCharacters(demo.stdout))
    const long = demo.stdout.split('\n').filter(line => line.length > 100 && !line.includes(parent))
    expect(long).toEqual([])
  })

  test('leaves the files where it says, with a database that opens', () => {
    expect(demo.stdout).toContain(`The files are in ${directory}`)
    const database = new DatabaseSync(join(directory, 'chame.db'), { readOnly: true })
    expect(database.prepare('PRAGMA quick_check').get()).toEqual({ quick_check: 'ok' })
    database.close()
  })

  test('refuses a directory that is there already', () => {
    expect(runDemo('--dir', parent).exit).not.toBe(0)
  })

  test('removes its files with --clean', () => {
    const cleaned = join(parent, 'cleaned')
    const { exit, stdout } = runDemo('--dir', cleaned, '--clean')
    expect({ exit, isThere: existsSync(cleaned) }).toEqual({ exit: 0, isThere: false })
    expect(stdout).toContain('The files were removed.')
  })
})

test('the same seed gives the same sample database', () => {
  const [one, other] = [join(parent, 'one.db'), join(parent, 'other.db')]
  for (const path of [one, other]) makeSampleDatabase(path, { scale: 0.02, seed: 'same' })
  const dump = (path: string): unknown => {
    const database = new DatabaseSync(path, { readOnly: true })
    const rows = database
      .prepare(
        'SELECT m.id, body, token, content FROM messages m LEFT JOIN attachments a ON a.message_id = m.id LEFT JOIN api_tokens t ON t.id = m.id',
      )
      .all()
    database.close()
    return rows
  }
  expect(dump(one)).toEqual(dump(other))
})
