/** What checks of real servers see, where it is kept, and who shows it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { Database, type TargetConfig } from '../../src/index.ts'
import { openWorkplace } from '../cli/run-cli.ts'
import { openServing } from '../server/serving.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { checked } from './checked.ts'
import { keysOf, open } from './contract.ts'
import { RCLONE_NEEDS, RCLONE_SFTP_NEEDS, rclonePlace, rcloneSftpPlace } from './rclone-place.ts'
import { canStart } from './servers/daemon.ts'
import { SSHD_NEEDS, type Sshd, startSshd } from './servers/sshd.ts'

/** The second lets nobody remove a file. */
let server: Sshd
let keeping: Sshd

beforeAll(async () => {
  if (!canStart(SSHD_NEEDS)) return
  server = await startSshd()
  keeping = await startSshd({ options: '-P remove' })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await keeping?.[Symbol.asyncDispose]()
})

/** What no server of files has. */
const SKIPPED = { paging: 'skipped', multipart: 'skipped', checksum: 'skipped', 'object-lock': 'skipped' }
const BASICS = { put: 'yes', get: 'yes', range: 'yes', list: 'yes', 'put-if-absent': 'yes' }

testWith(SSHD_NEEDS, 'a check of an SSH server sees what it can do, and leaves nothing there', async () => {
  const root = temporaryDirectory()
  const { check, seen } = await checked({ config: server.config(root) })
  expect(seen).toEqual({
    ...BASICS,
    ...SKIPPED,
    clock: 'skipped',
    race: 'yes',
    'free-space': 'yes',
    delete: 'yes',
  })
  expect(check).toMatchObject({ status: 'usable', warnings: [], left: [] })
  await using target = await open({ config: { kind: 'local', path: root } })
  expect(await keysOf(target)).toEqual([])
})

testWith(
  SSHD_NEEDS,
  'a check of an SSH server where nothing can be deleted says so, and names what it left',
  async () => {
    const root = temporaryDirectory()
    const { check, seen } = await checked({ config: keeping.config(root) })
    expect(seen).toMatchObject({ ...BASICS, race: 'yes', delete: 'no' })
    expect(check.status).toBe('usable')
    expect(check.warnings).toEqual([expect.stringContaining('If that is meant, say appendOnly')])
    await using target = await open({ config: { kind: 'local', path: root } })
    expect(check.left.toSorted()).toEqual(await keysOf(target))
    expect(check.left.length).toBeGreaterThan(0)
    const { check: meant } = await checked({ config: keeping.config(root, { appendOnly: true }) })
    expect(meant).toMatchObject({ status: 'usable', warnings: [] })
  },
)

const NO_RACE = 'let one machine write there'

testWith(RCLONE_NEEDS, 'a check of rclone sees that races are lost there, and leaves nothing', async () => {
  const { config, everything } = rclonePlace()
  const { check, seen } = await checked({ config })
  const skipped = { ...SKIPPED, clock: 'skipped' }
  expect(seen).toEqual({ ...BASICS, ...skipped, race: 'no', 'free-space': 'yes', delete: 'yes' })
  expect(check).toMatchObject({ status: 'usable', left: [], warnings: [expect.stringContaining(NO_RACE)] })
  expect(await everything()).toEqual([])
})

testWith(
  RCLONE_SFTP_NEEDS,
  'a check of an SSH server by way of rclone sees what that can do there',
  async () => {
    const { config, everything } = rcloneSftpPlace(server)
    const { check, seen } = await checked({ config })
    expect(seen).toMatchObject({ ...BASICS, race: 'no', 'free-space': 'yes', delete: 'yes' })
    expect(check).toMatchObject({ status: 'usable', left: [], warnings: [expect.stringContaining(NO_RACE)] })
    expect(await everything()).toEqual([])
  },
)

testWith(
  RCLONE_SFTP_NEEDS,
  'a check of rclone where nothing can be deleted sees that nothing can be replaced either',
  async () => {
    const { config } = rcloneSftpPlace({ ...server, port: keeping.port, directory: keeping.directory })
    const { check, seen } = await checked({ config })
    expect(seen).toEqual({ put: 'failed', delete: 'no' })
    expect(check.status).toBe('failed')
    expect(check.probes[0]).toMatchObject({ code: 'TARGET_REFUSED' })
    expect(check.left).toHaveLength(1)
  },
)

testWith(
  RCLONE_SFTP_NEEDS,
  'what checks of real servers saw is kept, and told by the library, the command and the API alike',
  async () => {
    using place = openWorkplace()
    const targets: Record<string, TargetConfig> = {
      box: server.config(temporaryDirectory()),
      keeping: keeping.config(temporaryDirectory()),
      cloud: rclonePlace().config,
    }
    const config = { targets, databases: { shop: { path: 'shop.db', backupDir: 'backups' } } }
    const serving = await openServing({ config })
    const told = await serving.done('/api/v1/targets/keeping/check', {})
    expect(told).toMatchObject({ status: 'succeeded', result: { status: 'usable' } })
    const database = new Database({
      path: serving.databasePath,
      backupDir: serving.backupDir,
      config: join(serving.directory, 'chame-backup.config.json'),
    })
    for (const name of ['box', 'cloud']) succeeded(await database.checkTarget(name))
    const listed = succeeded(await database.listTargets()).targets
    const summary = listed.map(({ name, check }) => [name, check?.status, check?.warnings.length])
    expect(summary).toEqual([
      ['box', 'usable', 0],
      ['keeping', 'usable', 1],
      ['cloud', 'usable', 1],
    ])
    expect((await serving.ask('GET', '/api/v1/targets')).body.targets).toEqual(listed)
    writeFileSync(
      place.path('chame-backup.config.json'),
      JSON.stringify({ targets, backupDir: serving.backupDir }),
    )
    const shown = await place.cli(['target', 'list', '--json'])
    expect(JSON.parse(shown.stdout)).toMatchObject({ targets: listed })
    const table = (await place.cli(['target', 'list'])).stdout
    for (const { name, check } of listed)
      expect(table).toMatch(new RegExp(`^${name} .*${check?.status}`, 'm'))
  },
)
