import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect } from 'vitest'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { Content } from '../../src/storage/target.ts'
import { contentOf, patterned, sha256 } from './contents.ts'
import { AT_ONCE, failureOf, keysOf, open, type Place, read, SIGNAL, targetContract } from './contract.ts'
import { placeIn } from './files-place.ts'
import { killedInside } from './killed.ts'
import { limitedTransfers } from './limited.ts'
import { LINE_NEEDS, openLine } from './line.ts'
import { canStart, serverDirectory } from './servers/daemon.ts'
import { SSHD_NEEDS, type Sshd, startSshd } from './servers/sshd.ts'

const OPTIONS = { signal: SIGNAL }
const BYTES = randomBytes(16_000_000)

let server: Sshd

beforeAll(async () => {
  if (canStart(SSHD_NEEDS)) server = await startSshd()
})
afterAll(() => server?.[Symbol.asyncDispose]())

function damagedAt(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, (bytes[at] ?? 0) ^ 1)
}

function sftpPlace(more: Parameters<Sshd['config']>[1] = {}): Place & { root: string } {
  const root = temporaryDirectory()
  return { ...placeIn(root), config: server.config(root, more) }
}

targetContract({ name: 'sftp', needs: SSHD_NEEDS, place: async () => sftpPlace(), tellsFreeSpace: true })

limitedTransfers({
  name: 'sftp',
  needs: SSHD_NEEDS,
  port: () => server.port,
  place: async port => sftpPlace({ port }),
})

testWith(SSHD_NEEDS, 'sftp: what is put there is for its owner only', async () => {
  const place = sftpPlace()
  await using target = await open(place)
  await target.put('daily/a.db', contentOf(Buffer.from('x')), OPTIONS)
  expect(statSync(join(place.root, 'daily')).mode & 0o777).toBe(0o700)
  expect(statSync(join(place.root, 'daily/a.db')).mode & 0o777).toBe(0o600)
})

testWith(SSHD_NEEDS, 'sftp: a server that shows another key is told nothing', async () => {
  const other = `SHA256:${'A'.repeat(43)}`
  await using target = await open(sftpPlace({ hostKey: other }))
  const failure = await failureOf(target.put('a', contentOf(Buffer.from('x')), OPTIONS))
  expect(failure.code).toBe('TARGET_REFUSED')
  expect(failure.message).toContain('not the one expected')
  expect(failure.message).toContain(server.fingerprint)
})

testWith(
  SSHD_NEEDS,
  'sftp: a file of known hosts, as OpenSSH writes it, tells whose key is right',
  async () => {
    const directory = temporaryDirectory()
    const file = join(directory, 'known_hosts')
    const [type = '', key = ''] = run('cat', [join(server.directory, 'host.pub')]).split(' ')
    const verdicts: string[] = []
    const withFile = async (text: string, isHashed = false): Promise<void> => {
      writeFileSync(file, text)
      if (isHashed) run('ssh-keygen', ['-q', '-H', '-f', file])
      const { config } = sftpPlace({ knownHosts: file })
      const { hostKey: _, ...withoutKey } = config as ReturnType<Sshd['config']>
      await using target = await open({ config: withoutKey })
      verdicts.push(
        await target.head('a', OPTIONS).then(
          () => 'fine',
          (error: Error) => error.message,
        ),
      )
    }
    const name = `[127.0.0.1]:${server.port}`
    const otherKey = Buffer.concat([Buffer.from(key, 'base64').subarray(0, -32), randomBytes(32)]).toString(
      'base64',
    )
    await withFile(`# a comment\n${name} ${type} ${key}\n`)
    await withFile(`${name} ${type} ${key}\n`, true)
    await withFile(`[127.0.0.*]:${server.port},example.org ${type} ${key} somebody\n`)
    await withFile(`example.org ${type} ${key}\n`)
    await withFile(`${name} ${type} ${otherKey}\n`)
    await withFile(`${name} ${type} ${key}\n@revoked * ${type} ${key}\n`.replace('*', name))
    expect(verdicts.slice(0, 3)).toEqual(['fine', 'fine', 'fine'])
    expect(verdicts[3]).toContain('is not known')
    expect(verdicts[4]).toContain('is not the one expected')
    expect(verdicts[5]).toContain('revoked')
  },
)

testWith(
  SSHD_NEEDS,
  'sftp: a key that the server does not know is refused, with no secret in the words',
  async () => {
    const directory = temporaryDirectory()
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'other')])
    await using target = await open(sftpPlace({ privateKey: { file: join(directory, 'other') } }))
    const failure = await failureOf(target.head('a', OPTIONS))
    expect(failure.code).toBe('TARGET_REFUSED')
    expect(failure.hint).toContain('authorized_keys')
  },
)

testWith(SSHD_NEEDS, 'sftp: a directory that is not there, and one without rights, are refused', async () => {
  const place = sftpPlace()
  await using nowhere = await open({ config: server.config(join(place.root, 'not-mounted')) })
  const failure = await failureOf(keysOf(nowhere))
  expect(failure.code).toBe('TARGET_REFUSED')
  expect(failure.message).toContain('not-mounted')
})

testWith(SSHD_NEEDS, 'sftp: a put whose connection is cut goes on behind what was flushed', async () => {
  const place = sftpPlace()
  await using target = await open(place)
  const opened: number[] = []
  let isCut = false
  const content = contentOf(BYTES, {
    async *open(from) {
      opened.push(from)
      let position = from
      for await (const chunk of contentOf(BYTES).open(from)) {
        position += chunk.length
        if (!isCut && position > 12_000_000) {
          isCut = true
          await server.restart()
        }
        yield chunk
      }
    },
  })
  await target.put('large', content, OPTIONS)
  expect(opened).toEqual([0, 8 << 20])
  expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
  expect(readdirSync(place.root)).toEqual(['large'])
})

testWith(
  SSHD_NEEDS,
  'sftp: what a process that was killed has sent is gone on with by the next',
  async () => {
    const place = sftpPlace()
    const bytes = patterned(BYTES.length)
    await killedInside(place, { sizeBytes: bytes.length, stopAt: 12_000_000, steps: 100 })
    await using target = await open(place)
    expect(await keysOf(target)).toEqual([])
    const opened: number[] = []
    const content = contentOf(bytes, {
      open(from) {
        opened.push(from)
        return contentOf(bytes).open(from)
      },
    })
    await target.put('large', content, OPTIONS)
    expect(opened).toEqual([8 << 20])
    expect(sha256(await read(target, 'large'))).toBe(sha256(bytes))
    expect(readdirSync(place.root)).toEqual(['large'])
  },
)

testWith(
  SSHD_NEEDS,
  'sftp: what was half sent of a damaged source, and is gone on with, gets no name: the right bytes do',
  async () => {
    const place = sftpPlace()
    await using target = await open(place)
    const killed = contentOf(BYTES, {
      async *open() {
        yield damagedAt(BYTES, 5_000_000).subarray(0, 12_000_000)
        throw new Error('this machine is killed')
      },
    })
    await expect(target.put('large', killed, OPTIONS)).rejects.toThrow('killed')
    expect(readdirSync(place.root)).toHaveLength(1)
    const opened: number[] = []
    const content = contentOf(BYTES, {
      open(from) {
        opened.push(from)
        return contentOf(BYTES).open(from)
      },
    })
    await target.put('large', content, OPTIONS)
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    expect(opened).toEqual([8 << 20, 0])
    expect(readdirSync(place.root)).toEqual(['large'])
  },
)

/** Wrong while it is read for the first time, or whenever from its beginning, which a cut connection hides. */
function unsteady(opened: number[], isWrong: (from: number) => boolean): Content {
  return contentOf(BYTES, {
    async *open(from) {
      opened.push(from)
      if (!isWrong(from)) return yield* contentOf(BYTES).open(from)
      yield damagedAt(BYTES, 5_000_000).subarray(0, 12_000_000)
      await server.restart()
      yield BYTES.subarray(12_000_000)
    },
  })
}

testWith(
  SSHD_NEEDS,
  'sftp: a source that reads otherwise once the connection was cut is sent anew from its beginning',
  async () => {
    const place = sftpPlace()
    await using target = await open(place)
    const opened: number[] = []
    await target.put(
      'large',
      unsteady(opened, () => opened.length === 1),
      OPTIONS,
    )
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    expect(opened).toEqual([0, 8 << 20, 0])
  },
)

testWith(
  SSHD_NEEDS,
  'sftp: a source that reads otherwise each time is refused, and leaves nothing',
  async () => {
    const place = sftpPlace()
    await using target = await open(place)
    const opened: number[] = []
    const putting = target.put(
      'large',
      unsteady(opened, from => from === 0),
      OPTIONS,
    )
    expect((await failureOf(putting)).code).toBe('OBJECT_DAMAGED')
    expect(opened).toEqual([0, 8 << 20, 0, 8 << 20])
    expect(readdirSync(place.root)).toEqual([])
  },
)

testWith(SSHD_NEEDS, 'sftp: nothing is left of a source that proves damaged at its end', async () => {
  const place = sftpPlace()
  await using target = await open(place)
  const rotten = contentOf(damagedAt(BYTES, 5_000_000), { sha256: sha256(BYTES) })
  expect((await failureOf(target.put('large', rotten, OPTIONS))).code).toBe('OBJECT_DAMAGED')
  const short = contentOf(BYTES.subarray(0, 12_000_000), { sizeBytes: BYTES.length })
  expect((await failureOf(target.put('large', short, OPTIONS))).code).toBe('OBJECT_DAMAGED')
  expect(readdirSync(place.root)).toEqual([])
})

testWith(
  [...SSHD_NEEDS, ...LINE_NEEDS],
  'sftp: a line that is dead for a while holds a put up, and one that stays dead can be cancelled',
  async () => {
    using line = openLine()
    await using far = await startSshd({ address: line.address, within: line.within })
    const root = temporaryDirectory()
    await using target = await open({ config: far.config(root) })
    const content = (atBytes: number, happens: () => void): Content =>
      contentOf(BYTES, {
        async *open(from) {
          let position = from
          for await (const chunk of contentOf(BYTES).open(from)) {
            if (position <= atBytes && position + chunk.length > atBytes) happens()
            position += chunk.length
            yield chunk
          }
        },
      })
    const cut = (): void => {
      line.cut()
      setTimeout(() => line.mend(), 1500)
    }
    await target.put('held-up', content(10_000_000, cut), OPTIONS)
    expect(sha256(await read(target, 'held-up'))).toBe(sha256(BYTES))
    const controller = new AbortController()
    const stop = (): void => {
      line.cut()
      setTimeout(() => controller.abort(), 500)
    }
    const failure = await failureOf(
      target.put('dead', content(10_000_000, stop), { signal: controller.signal }),
    )
    expect(failure.code).toBe('CANCELLED')
    expect(existsSync(join(root, 'dead'))).toBe(false)
  },
)

testWith(
  SSHD_NEEDS,
  'sftp: a stream that can be read once and is cut fails, and leaves nothing',
  async () => {
    const place = sftpPlace()
    await using target = await open(place)
    const content = contentOf(BYTES, {
      sizeBytes: null,
      sha256: null,
      async *open(from) {
        if (from > 0 || isRead) throw new Error('this can be read once')
        isRead = true
        yield BYTES.subarray(0, 5_000_000)
        await server.restart()
        yield BYTES.subarray(5_000_000)
      },
    })
    let isRead = false
    expect((await failureOf(target.put('once', content, OPTIONS))).code).toBe('TARGET_UNREACHABLE')
    expect(await keysOf(target)).toEqual([])
  },
)

testWith(SSHD_NEEDS, 'sftp: who begins to put what another is putting takes nothing of it away', async () => {
  const place = sftpPlace()
  await using one = await open(place)
  await using other = await open(place)
  const bytes = BYTES.subarray(0, 2_000_000)
  const sent = (): number =>
    readdirSync(place.root).reduce((size, name) => size + statSync(join(place.root, name)).size, 0)
  const { promise: isOver, resolve: goOn } = Promise.withResolvers<void>()
  const first = one.put(
    'a.db',
    contentOf(bytes, {
      async *open() {
        yield bytes.subarray(0, 1_000_000)
        await isOver
        yield bytes.subarray(1_000_000)
      },
    }),
    OPTIONS,
  )
  while (sent() < 1_000_000) await sleep(5)
  const broken = contentOf(bytes, {
    open() {
      throw new Error('this machine is killed')
    },
  })
  await expect(other.put('a.db', broken, OPTIONS)).rejects.toThrow('killed')
  goOn()
  await first
  expect((await read(one, 'a.db')).equals(bytes)).toBe(true)
})

testWith(SSHD_NEEDS, 'sftp: a read whose connection is cut goes on where it broke off', async () => {
  const place = sftpPlace()
  await using target = await open(place)
  await target.put('large', contentOf(BYTES), OPTIONS)
  const chunks: Uint8Array[] = []
  let got = 0
  for await (const chunk of target.get('large', OPTIONS)) {
    chunks.push(chunk)
    got += chunk.length
    if (got > 10_000_000 && got - chunk.length <= 10_000_000) await server.restart()
  }
  expect(sha256(Buffer.concat(chunks))).toBe(sha256(BYTES))
})

testWith(SSHD_NEEDS, 'sftp: a server that is down is unreachable, after a while', async () => {
  const place = sftpPlace()
  await server.stop()
  try {
    await using target = await open(place, {}, AT_ONCE)
    expect((await failureOf(target.head('a', OPTIONS))).code).toBe('TARGET_UNREACHABLE')
  } finally {
    await server.start()
  }
})

testWith([...SSHD_NEEDS, 'mount'], 'sftp: a full disk is told as one', async () => {
  const root = serverDirectory()
  run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', root])
  try {
    await using target = await open({ config: server.config(root) })
    const failure = await failureOf(target.put('large', contentOf(BYTES), OPTIONS))
    expect(failure.code).toBe('TARGET_FULL')
    expect(await keysOf(target)).toEqual([])
  } finally {
    run('umount', [root])
  }
})

testWith(
  SSHD_NEEDS,
  'sftp: a server without the extensions of OpenSSH stores whole objects, too',
  async () => {
    await using plain = await startSshd({ options: '-P posix-rename,fsync,statvfs,hardlink' })
    const root = temporaryDirectory()
    await using target = await open({ config: plain.config(root) })
    await target.put('a', contentOf(Buffer.from('first')), OPTIONS)
    await target.put('a', contentOf(Buffer.from('second')), OPTIONS)
    expect(String(await read(target, 'a'))).toBe('second')
    const inOneStep = target.put('a', contentOf(Buffer.from('else')), { ...OPTIONS, inOneStep: true })
    await expect(inOneStep).rejects.toMatchObject({ code: 'TARGET_REFUSED' })
    expect(String(await read(target, 'a'))).toBe('second')
    expect(await target.putIfAbsent('a', Buffer.from('third'), OPTIONS)).toBe(false)
    expect(await target.freeBytes(OPTIONS)).toBeNull()
    expect(readdirSync(root)).toEqual(['a'])
  },
)

testWith(SSHD_NEEDS, 'sftp: of eight that put one key at once, one wins', async () => {
  const place = sftpPlace()
  const targets = await Promise.all(Array.from({ length: 8 }, () => open(place)))
  for (let round = 0; round < 10; round++) {
    const wins = await Promise.all(
      targets.map((target, index) =>
        target.putIfAbsent(`lock-${round}`, Buffer.from(String(index)), OPTIONS),
      ),
    )
    expect(wins.filter(Boolean)).toHaveLength(1)
    expect(String(await read(targets[0] as (typeof targets)[0], `lock-${round}`))).toBe(
      String(wins.indexOf(true)),
    )
  }
  for (const target of targets) await target[Symbol.asyncDispose]()
  expect(readdirSync(place.root)).toHaveLength(10)
})

testWith(SSHD_NEEDS, 'sftp: what was half sent and never gone on with is removed after a week', async () => {
  const place = sftpPlace()
  const old = join(place.root, '.chame-0000000000000000.part')
  writeFileSync(old, 'x')
  const then = Date.now() / 1000 - 8 * 24 * 3600
  utimesSync(old, then, then)
  await using target = await open(place)
  await target.put('a', contentOf(Buffer.from('x')), OPTIONS)
  expect(readdirSync(place.root)).toEqual(['a'])
})
