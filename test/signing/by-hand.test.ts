/** Checking a signature without this product: what docs/formats.md tells a person to type. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { openSigned, type SignedPlace } from './place.ts'

/** The commands of the page, as they stand there. */
const page = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8')
const SCRIPT =
  /<!-- check-signature -->\n\n```sh\n(?<script>[\s\S]+?)```/.exec(page)?.groups?.['script'] ?? ''

function check(place: SignedPlace, filename: string, key = place.publicKey): string {
  const metadata = join(place.backupDir, 'metadata', `${filename}.json`)
  const script = SCRIPT.replace(/^m=.*$/m, () => 'm="$1"').replace(/^key=.*$/m, () => 'key="$2"')
  return run('sh', ['-ec', `cd "$3"\n${script}`, 'sh', metadata, key, place.path()])
}

testWith(['openssl', 'sed', 'base64'], 'openssl and sed check a signature, and see a change', async () => {
  const place = await openSigned()
  const { filename, metadata } = succeeded(await place.database().createBackup({ encoding: 'zstd' }))
  succeeded(await place.database().pinBackup(filename, { reason: '"value": "x"' }))
  expect(check(place, filename)).toContain('Signature Verified Successfully')
  const path = join(place.backupDir, 'metadata', `${filename}.json`)
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace(metadata.checksum, '0'.repeat(64)))
  expect(() => check(place, filename)).toThrow('failed')
})

testWith(['openssl'], 'a key that openssl made signs, and its public key is what openssl shows', async () => {
  const place = await openSigned()
  run('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', place.path('made.pem')])
  const publicKey = run('openssl', ['pkey', '-in', place.path('made.pem'), '-pubout']).split('\n')[1] ?? ''
  place.reconfigure({ signing: { key: { file: 'made.pem' }, trusted: [publicKey] } })
  const { filename } = succeeded(await place.database().createBackup())
  expect(await place.database().listBackups()).toMatchObject([{ signature: 'valid' }])
  expect(check(place, filename, publicKey)).toContain('Signature Verified Successfully')
})
