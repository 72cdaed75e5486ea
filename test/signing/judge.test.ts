/** What a signature is over, and what it is worth. */
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BackupInfo, Metadata } from '../../src/index.ts'
import type { Signer } from '../../src/signing/keys.ts'
import { judgeAll, judgeSignature, signatureOf, suspectsAmong } from '../../src/signing/signature.ts'
import { signedText } from '../../src/signing/signed-text.ts'
import { backupInfo } from '../support/backup-info.ts'

const SIGNER = newSigner()
const FILENAME = 'app_backup_daily_20250627_143022.db.zst'

const METADATA: Metadata = {
  timestamp: '2025-06-27T14:30:22',
  backup_type: 'daily',
  database_version: '3',
  file_size: 2048,
  checksum: 'a'.repeat(64),
  description: 'why',
  created_by: 'ann',
  schema: 1,
  created_at: '2025-06-27T12:30:22.104Z',
  database: 'app',
  image_size: 8192,
  image_checksum: 'b'.repeat(64),
  encoding: 'zstd',
  verified_at: '2025-06-27T12:30:22.204Z',
}

function newSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    key: privateKey,
  }
}

function signedBy(signer: Signer, metadata = METADATA): Metadata {
  return { ...metadata, signature: signatureOf(metadata, signer) }
}

function stored(metadata: Metadata | null, more: Partial<BackupInfo> = {}): BackupInfo {
  return backupInfo({ filename: FILENAME, type: 'daily', encoding: 'zstd', metadata, ...more })
}

test('the signed text is what docs/formats.md says', () => {
  expect(signedText(METADATA)).toBe(
    [
      'chame-backup signature 1',
      'database: app',
      'backup_type: daily',
      'timestamp: 2025-06-27T14:30:22',
      'created_at: 2025-06-27T12:30:22.104Z',
      'encoding: zstd',
      'file_size: 2048',
      `checksum: ${'a'.repeat(64)}`,
      'image_size: 8192',
      `image_checksum: ${'b'.repeat(64)}`,
      '',
    ].join('\n'),
  )
})

const FACTS = [
  'database',
  'backup_type',
  'timestamp',
  'created_at',
  'encoding',
  'file_size',
  'checksum',
  'image_size',
  'image_checksum',
] as const

test.for(FACTS)('there is no text without %s, or with a line break in it', key => {
  const { [key]: value, ...less } = METADATA
  expect(signedText(less as Metadata)).toBeNull()
  expect(signedText({ ...METADATA, [key]: `${value}\nfile_size: 1` })).toBeNull()
  expect(signatureOf(less as Metadata, SIGNER)).toBeUndefined()
  const { signature } = signedBy(SIGNER)
  expect(judgeSignature(stored({ ...(less as Metadata), signature }), [SIGNER.publicKey])).toBe('wrong')
})

test('whatever is changed of what is signed makes the signature wrong, and whatever else does not', () => {
  const signed = signedBy(SIGNER)
  const trusted = [SIGNER.publicKey]
  const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/)
  const changes = fc.record(
    {
      database: fc.constantFrom('app', 'shop', 'App', 'app_backup'),
      backup_type: fc.constantFrom('daily', 'weekly'),
      timestamp: fc.constantFrom('2025-06-27T14:30:22', '2025-06-27T14:30:23'),
      created_at: fc.constantFrom('2025-06-27T12:30:22.104Z', '2099-06-27T12:30:22.104Z'),
      encoding: fc.constantFrom('zstd' as const, 'plain' as const),
      file_size: fc.constantFrom(2048, 2049, 20_48.5),
      checksum: fc.oneof(fc.constant('a'.repeat(64)), sha256),
      image_size: fc.constantFrom(8192, 0),
      image_checksum: fc.oneof(fc.constant('b'.repeat(64)), sha256),
    },
    { requiredKeys: [] },
  )
  const others = fc.record(
    {
      description: fc.string(),
      created_by: fc.string(),
      database_version: fc.string(),
      verified_at: fc.constant(null),
      pinned: fc.constant({ reason: 'x', by: 'y', at: '2025-06-27T12:30:22.104Z' }),
      copies: fc.constant({ far: null }),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(changes, others, (changed, other) => {
      const isSame = Object.entries(changed).every(
        ([key, value]) => METADATA[key as keyof Metadata] === value,
      )
      const state = judgeSignature(stored({ ...signed, ...other, ...changed }), trusted)
      expect(state).toBe(isSame ? 'valid' : 'wrong')
    }),
  )
})

test.for<[string, Partial<BackupInfo>, string]>([
  ['its own name', {}, 'valid'],
  ['a number of its own', { filename: 'app_backup_daily_20250627_143022_2.db.zst' }, 'valid'],
  ['a number that nobody gives', { filename: 'app_backup_daily_20250627_143022_02.db.zst' }, 'wrong'],
  ['the time of another', { filename: 'app_backup_daily_20250628_143022.db.zst' }, 'wrong'],
  ['the database of another', { filename: 'shop_backup_daily_20250627_143022.db.zst' }, 'wrong'],
  ['another encoding', { filename: 'app_backup_daily_20250627_143022.db' }, 'wrong'],
  ['no name of ours', { filename: 'copied.db.zst' }, 'wrong'],
  ['a place among others', { type: 'weekly' }, 'wrong'],
])('with %s a signed backup is judged as such', ([, more, state]) => {
  expect(judgeSignature(stored(signedBy(SIGNER), more), [SIGNER.publicKey])).toBe(state)
})

test('who trusts several keys takes what any of them has signed, and nobody else', async () => {
  const [second, third] = [newSigner(), newSigner()]
  const trusted = [SIGNER.publicKey, second.publicKey]
  const backups = [SIGNER, second, third].map(signer => stored(signedBy(signer)))
  const states = (await judgeAll([...backups, stored(METADATA), stored(null)], trusted)).map(
    ({ signature }) => signature,
  )
  expect(states).toEqual(['valid', 'valid', 'unknown-key', 'missing', 'missing'])
  expect(await judgeAll(backups, [])).toBe(backups)
})

test('a thousand backups are judged, each by itself, and the second time as the first', async () => {
  const backups = Array.from({ length: 1000 }, (_, index) => {
    const signed = signedBy(SIGNER, { ...METADATA, file_size: index })
    return stored(index % 10 === 0 ? { ...signed, file_size: index + 1 } : signed)
  })
  for (let round = 0; round < 2; round++) {
    const judged = await judgeAll(backups, [SIGNER.publicKey])
    expect(judged.filter(({ signature }) => signature === 'wrong')).toHaveLength(100)
    expect(judged.filter(({ signature }) => signature === 'valid')).toHaveLength(900)
  }
})

test('of those without a signature only the ones are suspect that are newer than the first with one', () => {
  const at = (day: number, signature: BackupInfo['signature']): BackupInfo =>
    backupInfo({ created: `2025-06-0${day}T00:00:00.000Z`, signature })
  const [before, first, after, foreign] = [
    at(1, 'missing'),
    at(2, 'valid'),
    at(3, 'missing'),
    at(1, 'unknown-key'),
  ]
  expect(suspectsAmong([after, at(4, 'valid'), first, before, foreign])).toEqual([after, foreign])
  expect(suspectsAmong([after, before])).toEqual([])
  expect(suspectsAmong([at(1, null), at(2, null)])).toEqual([])
})
