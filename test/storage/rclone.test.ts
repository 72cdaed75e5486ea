import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RcloneTargetConfig } from '../../src/config/targets.ts'
import { commandLines } from '../support/processes.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { contentOf, patterned } from './contents.ts'
import { AT_ONCE, failureOf, keysOf, open, type Place, SIGNAL, targetContract } from './contract.ts'
import { canStart, serverDirectory } from './servers/daemon.ts'
import { SSHD_NEEDS, type Sshd, startSshd } from './servers/sshd.ts'

const OPTIONS = { signal: SIGNAL }
const RCLONE_NEEDS = ['rclone'] as const
const SFTP_NEEDS = [...RCLONE_NEEDS, ...SSHD_NEEDS]

let server: Sshd

beforeAll(async () => {
  if (canStart(SFTP_NEEDS)) server = await startSshd()
})
afterAll(() => server?.[Symbol.asyncDispose]())

type RclonePlace = Place & { readonly root: string; readonly config: RcloneTargetConfig }

/** rclone reads a configuration of its own: an empty one, so that nothing of this machine's gets in. */
function rclonePlace(remote = ':local:', more: Partial<RcloneTargetConfig> = {}): RclonePlace {
  const root = join(temporaryDirectory(), 'remote')
  mkdirSync(root)
  const configFile = join(dirname(root), 'rclone.conf')
  writeFileSync(configFile, '')
  return {
    root,
    config: { kind: 'rclone', remote: `${remote}${root}`, configFile, ...more },
    async plant(name, bytes) {
      await mkdir(dirname(join(root, name)), { recursive: true })
      await writeFile(join(root, name), bytes)
    },
  }
}

/** A remote that is described by variables alone, its password by a reference. */
function sftpPlace(): RclonePlace {
  return rclonePlace('box:', {
    environment: {
      RCLONE_CONFIG_BOX_TYPE: 'sftp',
      RCLONE_CONFIG_BOX_HOST: '127.0.0.1',
      RCLONE_CONFIG_BOX_PORT: String(server.port),
      RCLONE_CONFIG_BOX_USER: 'root',
      RCLONE_CONFIG_BOX_KEY_FILE: join(server.directory, 'user'),
      RCLONE_CONFIG_BOX_SHELL_TYPE: 'none',
    },
  })
}

targetContract({ name: 'rclone, local', needs: RCLONE_NEEDS, place: async () => rclonePlace() })

testWith(
  SFTP_NEEDS,
  'rclone: a service that it reaches over the network takes and gives objects',
  async () => {
    const place = sftpPlace()
    await using target = await open(place)
    const bytes = patterned(3_000_000)
    await target.put('daily/a.db', contentOf(bytes), OPTIONS)
    await target.put('daily/a.db', contentOf(bytes.subarray(1)), OPTIONS)
    const chunks = await Array.fromAsync(
      target.get('daily/a.db', { ...OPTIONS, range: { from: 5, length: 100 } }),
    )
    expect(Buffer.concat(chunks).equals(bytes.subarray(6, 106))).toBe(true)
    expect(await keysOf(target, 'daily/')).toEqual(['daily/a.db'])
    await target.delete('daily/a.db', OPTIONS)
    await target.delete('daily/a.db', OPTIONS)
    expect(await keysOf(target)).toEqual([])
    expect(readdirSync(place.root)).toEqual(['daily'])
  },
)

testWith(
  SFTP_NEEDS,
  'rclone: a server that is down is unreachable, one that lets nobody in refuses',
  async () => {
    const place = sftpPlace()
    const environment = place.config.environment ?? {}
    const other = join(dirname(place.root), 'key')
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other])
    await using stranger = await open(place, {
      environment: { ...environment, RCLONE_CONFIG_BOX_KEY_FILE: other },
    })
    expect((await failureOf(stranger.head('a', OPTIONS))).code).toBe('TARGET_REFUSED')
    await using nobody = await open(
      place,
      { environment: { ...environment, RCLONE_CONFIG_BOX_PORT: '1' } },
      AT_ONCE,
    )
    expect((await failureOf(nobody.head('a', OPTIONS))).code).toBe('TARGET_UNREACHABLE')
  },
)

test('rclone: a program that is not there is told', async () => {
  await using target = await open({
    config: { kind: 'rclone', remote: ':local:/tmp', program: '/nowhere/rclone' },
  })
  const failure = await failureOf(target.put('a', contentOf(Buffer.from('x')), OPTIONS))
  expect(failure.code).toBe('TARGET_REFUSED')
  expect(failure.message).toContain('/nowhere/rclone')
  expect(failure.hint).toContain('Install rclone')
})

testWith(RCLONE_NEEDS, 'rclone: a remote that it does not know is told', async () => {
  const place = rclonePlace()
  await using target = await open(place, { remote: 'nobody:there' })
  const failure = await failureOf(target.put('a', contentOf(Buffer.from('x')), OPTIONS))
  expect(failure.code).toBe('TARGET_REFUSED')
  expect(failure.message).toContain('does not know this remote')
})

testWith([...RCLONE_NEEDS, 'root', 'linux', 'mount'], 'rclone: a full disk is told as one', async () => {
  const root = serverDirectory()
  run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', root])
  try {
    const { config } = rclonePlace()
    await using target = await open({ config: { ...config, remote: `:local:${root}` } })
    const failure = await failureOf(target.put('a', contentOf(patterned(5_000_000)), OPTIONS))
    expect(failure.code).toBe('TARGET_FULL')
    expect(readdirSync(root)).toEqual([])
  } finally {
    run('umount', [root])
  }
})

testWith(
  [...RCLONE_NEEDS, 'linux'],
  'rclone: a secret is in no argument that others could read',
  async () => {
    const secret = 'a-secret-that-nobody-may-see'
    const place = rclonePlace(':local:', { environment: { RCLONE_CONFIG_BOX_PASS: { env: 'BOX_PASS' } } })
    await using target = await open({ ...place, environment: { BOX_PASS: secret } })
    const seen: string[] = []
    const content = contentOf(patterned(200_000), {
      async *open(from) {
        for await (const chunk of contentOf(patterned(200_000)).open(from)) {
          seen.push(...commandLines().filter(line => line.includes('rcat')))
          yield chunk
        }
      },
    })
    await target.put('a', content, OPTIONS)
    expect(seen.some(line => line.includes(place.root))).toBe(true)
    expect(seen.join('\n')).not.toContain(secret)
  },
)
