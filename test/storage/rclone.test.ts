import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandLines } from '../support/processes.ts'
import { run, testWith } from '../support/requirements.ts'
import { contentOf, patterned } from './contents.ts'
import { AT_ONCE, failureOf, open, SIGNAL, targetContract } from './contract.ts'
import { limitedTransfers } from './limited.ts'
import { RCLONE_NEEDS, RCLONE_SFTP_NEEDS, rclonePlace, rcloneSftpPlace } from './rclone-place.ts'
import { canStart, serverDirectory } from './servers/daemon.ts'
import { type Sshd, startSshd } from './servers/sshd.ts'

const OPTIONS = { signal: SIGNAL }

let server: Sshd

beforeAll(async () => {
  if (canStart(RCLONE_SFTP_NEEDS)) server = await startSshd()
})
afterAll(() => server?.[Symbol.asyncDispose]())

targetContract({
  name: 'rclone, local',
  needs: RCLONE_NEEDS,
  place: async () => rclonePlace(),
  largeBytes: 3_000_000,
  tellsFreeSpace: true,
})

targetContract({
  name: 'rclone, sftp',
  needs: RCLONE_SFTP_NEEDS,
  place: async () => rcloneSftpPlace(server),
  largeBytes: 3_000_000,
  tellsFreeSpace: true,
})

limitedTransfers({
  name: 'rclone, sftp',
  needs: RCLONE_SFTP_NEEDS,
  port: () => server.port,
  place: async port => rcloneSftpPlace({ ...server, port }),
  addedShare: 0.05,
  // Of what it is told the size of, rclone 1.60 sends a packet of 32 KiB for each read, however little that read gave:
  // up to a quarter more than there is, as its turns and ours fall.
  tellsSizes: false,
})

testWith(
  RCLONE_SFTP_NEEDS,
  'rclone: a server that is down is unreachable, one that lets nobody in refuses',
  async () => {
    const place = rcloneSftpPlace(server)
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
