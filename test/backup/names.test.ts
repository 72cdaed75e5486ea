import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { buildLedger } from '../support/databases.ts'
import { type Call, callElsewhere } from '../support/other-process.ts'
import { backUp, protect, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

const BACK_UP: readonly Call[] = [['createBackup', {}]]

function makeLedger(name = 'ledger.db'): { path: string; backupDir: string; directory: string } {
  const directory = temporaryDirectory()
  const path = join(directory, name)
  buildLedger(path)
  return { path, directory, backupDir: join(directory, 'backups') }
}

/** The stamps of the coming seconds in UTC, as file names write them. */
function comingSeconds(): string[] {
  return Array.from({ length: 60 }, (_, i) =>
    new Date(Date.now() + (i - 5) * 1_000)
      .toISOString()
      .slice(0, 19)
      .replaceAll(/[-:]/g, '')
      .replace('T', '_'),
  )
}

test('a backup is named after its database, type and local time, and its metadata after it', async () => {
  const { path, backupDir } = makeLedger()
  for (const backupType of ['manual', 'daily', 'weekly']) {
    const { filename, backupPath, metadata } = await backUp(path, { backupType }, { timeZone: 'UTC' })
    const stamp = metadata.timestamp.replaceAll(/[-:]/g, '').replace('T', '_')
    expect(filename).toBe(`ledger_backup_${backupType}_${stamp}.db`)
    expect(metadata.timestamp).toBe(metadata.created_at?.slice(0, 19))
    expect(backupPath).toBe(join(backupDir, backupType, filename))
    const beside = readFileSync(join(backupDir, 'metadata', `${filename}.json`), 'utf8')
    expect(JSON.parse(beside)).toEqual(metadata)
  }
})

test('a name that a backup, a damaged image or metadata has is never taken again: the next gets _2, then _3', async () => {
  const { path, backupDir } = makeLedger()
  for (const directory of ['', 'manual', 'metadata']) mkdirSync(join(backupDir, directory), { mode: 0o700 })
  const occupied = comingSeconds().map(stamp => `ledger_backup_manual_${stamp}`)
  const occupy = [
    (name: string) => join(backupDir, 'manual', `${name}.db`),
    (name: string) => join(backupDir, 'manual', `${name}_2.db.damaged`),
    (name: string) => join(backupDir, 'metadata', `${name}_3.db.json`),
  ]
  for (const [taken, fileOf] of occupy.entries()) {
    for (const name of occupied) writeFileSync(fileOf(name), 'mine')
    const { filename, metadata } = await backUp(path, {}, { timeZone: 'UTC' })
    expect(filename).toMatch(new RegExp(`_${taken + 2}\\.db$`))
    expect(filename).toContain(metadata.timestamp.slice(11).replaceAll(':', ''))
    for (const name of occupied) expect(readFileSync(fileOf(name), 'utf8')).toBe('mine')
    rmSync(join(backupDir, 'manual', filename))
    rmSync(join(backupDir, 'metadata', `${filename}.json`))
  }
})

test('backups in quick succession all keep their own name', async () => {
  const { path } = makeLedger()
  const names = new Set<string>()
  for (let i = 0; i < 8; i++) names.add((await backUp(path, { check: 'none' })).filename)
  expect(names.size).toBe(8)
  const listed = await protect(path).listBackups()
  expect(listed.map(({ filename }) => filename)).toEqual([...names].toReversed())
})

test.each(['Pacific/Kiritimati', 'America/St_Johns', 'Asia/Kathmandu', 'UTC'])(
  'names carry the local time of the configured zone %s, metadata the instant as well',
  async timeZone => {
    const { path } = makeLedger()
    const { metadata, filename } = await backUp(path, {}, { timeZone })
    const instant = new Date(metadata.created_at ?? '')
    const local = instant.toLocaleString('sv-SE', { timeZone })
    expect(metadata.timestamp).toBe(local.replace(' ', 'T'))
    expect(filename).toContain(local.replaceAll(/[-:]/g, '').replace(' ', '_'))
  },
)

test('without a configured zone the system’s counts', () => {
  const { path, backupDir } = makeLedger()
  const [answer] = callElsewhere({ path, backupDir }, BACK_UP, { env: { TZ: 'Asia/Tokyo' } })
  const { metadata } = succeeded(answer ?? { success: false, code: 'UNEXPECTED', message: 'no answer' })
  const local = new Date(metadata.created_at ?? '').toLocaleString('sv-SE', { timeZone: 'Asia/Tokyo' })
  expect(metadata.timestamp).toBe(local.replace(' ', 'T'))
})

/** The modes of all files and of all directories below, as octal numbers. */
function modesBelow(directory: string): { files: string[]; directories: string[] } {
  const files = new Set<string>()
  const directories = new Set<string>([octalMode(directory)])
  for (const name of filesBelow(directory)) {
    const path = join(directory, name)
    if (name.endsWith('.chame-backup.lock')) continue
    if (statSync(path).isDirectory()) directories.add(octalMode(path))
    else files.add(octalMode(path))
  }
  return { files: [...files], directories: [...directories] }
}

function octalMode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}

function withUmask(umask: string): string[] {
  return ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh']
}

for (const engine of ['process', 'here'] as const) {
  test(`files are 0600 and directories 0700 even with umask 000 and a world-readable database (engine: ${engine})`, () => {
    const { path, backupDir } = makeLedger()
    chmodSync(path, 0o666)
    const [answer] = callElsewhere({ path, backupDir, engine }, BACK_UP, { under: withUmask('000') })
    expect(answer?.success).toBe(true)
    expect(modesBelow(backupDir)).toEqual({ files: ['600'], directories: ['700'] })
    expect(octalMode(join(backupDir, '.chame-backup.lock'))).toBe('600')
  })

  test(`configured modes are those of the files, whatever the umask is (engine: ${engine})`, () => {
    const { path, directory, backupDir } = makeLedger()
    chmodSync(path, 0o600)
    const config = join(directory, 'config.json')
    writeFileSync(config, JSON.stringify({ fileMode: '0640', directoryMode: '0750' }))
    const [answer] = callElsewhere({ path, backupDir, config, engine }, BACK_UP, { under: withUmask('077') })
    expect(answer?.success).toBe(true)
    expect(modesBelow(backupDir)).toEqual({ files: ['640'], directories: ['750'] })
  })
}

test('what is being made can be read by nobody else, also where the stored files may be', async () => {
  const { path, directory, backupDir } = makeLedger()
  const config = join(directory, 'config.json')
  writeFileSync(config, JSON.stringify({ fileMode: '0644', directoryMode: '0755' }))
  const seen: string[] = []
  const result = await protect(path, { config, engine: 'here' }).createBackup({
    onProgress({ step }) {
      for (const name of filesBelow(backupDir).filter(file =>
        /\.chame-backup-[0-9a-f]+-[0-9a-f]+$/.test(file),
      )) {
        seen.push(`${step} ${octalMode(join(backupDir, name))}`)
      }
    },
  })
  expect(result.success).toBe(true)
  expect(seen).toContain('copy-image 700')
  expect(seen).toContain('check-image 700')
  expect(seen.filter(entry => !entry.endsWith(' 700'))).toEqual([])
})

test('a backup directory that is there keeps its mode', async () => {
  const { path, backupDir } = makeLedger()
  mkdirSync(backupDir)
  chmodSync(backupDir, 0o755)
  await backUp(path)
  expect(octalMode(backupDir)).toBe('755')
  expect(octalMode(join(backupDir, 'manual'))).toBe('700')
})

test('backup directories are made with all their parents', async () => {
  const { path, directory } = makeLedger()
  const backupDir = join(directory, 'a', 'b', 'c')
  const { backupPath } = await backUp(path, {}, { backupDir })
  expect(dirname(dirname(backupPath))).toBe(backupDir)
})

testWith(
  ['linux', 'strace'],
  'a backup killed before its image has its name leaves a leftover that is no backup and that the next one removes',
  async () => {
    const { path, backupDir } = makeLedger()
    killAtRename(path, backupDir, 1)
    const leftovers = filesBelow(join(backupDir, 'manual'))
    expect(leftovers.some(name => name.startsWith('.chame-backup-'))).toBe(true)
    const database = protect(path)
    expect(await database.listBackups()).toEqual([])
    const { filename } = await backUp(path)
    expect(filesBelow(join(backupDir, 'manual'))).toEqual([filename])
    expect(await database.listBackups()).toHaveLength(1)
  },
)

testWith(
  ['linux', 'strace'],
  'a backup killed after its image has its name, before its metadata has, is whole, listed, marked and verifiable',
  async () => {
    const { path, backupDir } = makeLedger()
    killAtRename(path, backupDir, 2)
    expect(filesBelow(join(backupDir, 'metadata'))[0]).toMatch(/^\.chame-backup-/)
    const database = protect(path)
    const [listed, ...others] = await database.listBackups()
    expect(others).toEqual([])
    expect(listed).toMatchObject({
      type: 'manual',
      database: 'ledger',
      metadataState: 'missing',
      metadata: null,
    })
    const verified = succeeded(await database.verifyBackup(listed?.filename ?? ''))
    expect(verified).toMatchObject({ status: 'intact', checksumCompared: false })
    const { filename } = await backUp(path)
    expect(filesBelow(join(backupDir, 'metadata'))).toEqual([`${filename}.json`])
    expect(filesBelow(join(backupDir, 'manual'))).toHaveLength(2)
  },
)

/** Kills a backup at its n-th rename, before that happens: the first gives the image its name, the second the metadata. */
function killAtRename(path: string, backupDir: string, nth: number): void {
  const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `inject=rename:signal=SIGKILL:when=${nth}`]
  // With one thread for file work its calls have one order.
  const run = (): unknown =>
    callElsewhere({ path, backupDir, engine: 'here' }, BACK_UP, { under, env: { UV_THREADPOOL_SIZE: '1' } })
  expect(run).toThrow('SIGKILL')
}

test('leftovers of runs for another backup directory are left to that one', async () => {
  const { path, directory } = makeLedger()
  const foreign = join(directory, '.chame-backup-00000000-0123456789ab')
  const similar = join(directory, 'backups', 'manual', '.chame-backup-notes')
  await backUp(path)
  mkdirSync(foreign)
  mkdirSync(similar)
  await backUp(path)
  expect(statSync(foreign).isDirectory()).toBe(true)
  expect(statSync(similar).isDirectory()).toBe(true)
})
