/** What the scheduler notices of backups that are not signed as they should be. */
import { expect, test } from 'vitest'
import type { RunOrder } from '../../src/daemon/ports.ts'
import { runDrill } from '../../src/daemon/run-drill.ts'
import { runVerify } from '../../src/daemon/run-verify.ts'
import type { ScheduledJob } from '../../src/schedule/jobs.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { forgetSigning, newerFake, openSigned, readStored, type SignedPlace, writeStored } from './place.ts'

function orderOf(place: SignedPlace): RunOrder {
  const job: Partial<ScheduledJob> = { name: 'verify', verifyMs: 3_600_000, backupsMax: 10, copies: null }
  const now = (): Date => new Date()
  const { signal } = new AbortController()
  const database = place.database()
  return { database, job: job as ScheduledJob, dueAt: now(), made: null, signal, now, letGo() {} }
}

test('a fake is told of by the drill and by whoever verifies; one from before backups were signed is not', async () => {
  const place = await openSigned()
  forgetSigning(place)
  succeeded(await place.database().createBackup({ backupType: 'weekly' }))
  place.reconfigure({ signing: place.signing })
  const { filename } = succeeded(await place.database().createBackup())
  expect(await runVerify(orderOf(place))).toMatchObject({ success: true })
  expect(await runDrill(orderOf(place))).toMatchObject({ success: true })
  const like = readStored(place.backupDir, filename)
  for (let count = 2; count <= 13; count++) {
    const fake = newerFake(place, like)
    writeStored(place.backupDir, { ...fake, filename: fake.filename.replace('.db', `_${count}.db`) })
  }
  const verified = failedWith('BACKUP_UNTRUSTED', await runVerify(orderOf(place)))
  expect(verified.message).toContain('12 backups')
  expect(verified.message).toContain('(not signed); and 2 more')
  const drilled = failedWith('BACKUP_UNTRUSTED', await runDrill(orderOf(place)))
  expect(drilled.message).toContain('20990101')
})
