import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generateSigningKey } from '../../src/index.ts'
import { succeeded } from '../support/product.ts'
import { backUp, openServing } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

test('over HTTP too nothing is restored that no trusted key has signed, unless that is accepted', async () => {
  const serving = await openServing()
  const { ask, done, directory } = serving
  const before = await backUp(serving)
  expect((await ask('GET', `${SHOP}/backups/${before}`)).body.signature).toBeNull()
  const { publicKey } = succeeded(await generateSigningKey({ output: join(directory, 'signing.key') }))
  const databases = { shop: { path: 'shop.db', backupDir: 'backups' } }
  const signing = { key: { file: 'signing.key' }, trusted: [publicKey] }
  writeFileSync(join(directory, 'chame-backup.config.json'), JSON.stringify({ databases, signing }))
  // The server that runs takes it up.
  const signed = await backUp(serving)
  const states = (await ask('GET', `${SHOP}/backups?sort=filename&order=asc`)).body.backups as {
    filename: string
    signature: string
  }[]
  expect(Object.fromEntries(states.map(({ filename, signature }) => [filename, signature]))).toEqual({
    [before]: 'missing',
    [signed]: 'valid',
  })
  const refused = await done(`${SHOP}/backups/${before}/restore-plan`)
  expect(refused).toMatchObject({ status: 'failed', problem: { code: 'BACKUP_UNTRUSTED' } })
  const accepting = { acceptUnsigned: true }
  const planned = await done(`${SHOP}/backups/${before}/restore-plan`, accepting)
  const { plan } = planned.result as { plan: string }
  const restored = await done(`${SHOP}/backups/${before}/restore`, { plan, confirm: 'shop', ...accepting })
  expect(restored).toMatchObject({
    status: 'succeeded',
    result: { backup: { signature: 'missing' }, preRestoreBackup: { signature: 'valid' } },
  })
  expect((await ask('GET', '/api/v1/databases')).status).toBe(200)
})
