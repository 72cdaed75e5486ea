/** Two backups beside each other, and a restore of one that nobody has signed. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { generateSigningKey } from '../../src/index.ts'
import { succeeded } from '../support/product.ts'
import type { Place } from './support/console-server.ts'
import { backUpAt } from './support/history.ts'
import { prepareShop } from './support/prepared-shop.ts'
import { browserTest, expectNothingWrong, openScene } from './support/scene.ts'
import { hasOrderFive } from './support/shop.ts'
import { expectAccessibleInBoth } from './support/watched-page.ts'

const CHANGES = `
  CREATE TABLE coupons (id INTEGER PRIMARY KEY, code TEXT);
  INSERT INTO coupons VALUES (1, 'MELON'), (2, 'KAKAO');
  UPDATE customers SET password_hash = 'scrypt$AFTER', city = 'Oslo' WHERE id = 1;
  DROP TABLE products;
`
const LATER = 'shop_backup_manual_20260101_120000.db'

/** Yesterday's shop, and one of another state; what is live has changed once more since. */
async function prepareStates(place: Place): Promise<void> {
  await prepareShop(place)
  const live = new DatabaseSync(place.shop)
  live.exec(CHANGES)
  const at = new Date('2026-01-01T12:00:00Z')
  await backUpAt(place.shop, { backupDir: join(place.directory, 'backups'), type: 'manual', at })
  live.exec("INSERT INTO coupons VALUES (3, 'LATE')")
  live.close()
}

const scene = openScene({
  prepare: prepareStates,
  config: async ({ directory }) => {
    const { publicKey } = succeeded(await generateSigningKey({ output: join(directory, 'signing.key') }))
    return { signing: { key: { file: 'signing.key' }, trusted: [publicKey] } }
  },
})

browserTest('two backups are compared by table, down to the cells, in either direction', async () => {
  const { visit, admin, yesterday } = scene
  await visit.goTo(admin, '#/db/shop/compare', 'Compare')
  await admin.getByLabel('From').selectOption(yesterday)
  await admin.getByLabel('To').selectOption(yesterday)
  await admin.getByText('Choose two that are not the same.').waitFor()
  await admin.getByLabel('To').selectOption(LATER)
  await admin.getByRole('button', { name: 'Compare', exact: true }).click()
  const table = admin.getByRole('table', { name: 'Differences by table' })
  const row = (name: string): ReturnType<typeof table.getByRole> =>
    table.getByRole('row').filter({ hasText: name })
  await row('coupons').getByText('the whole table is new').waitFor()
  await row('products').getByText('the whole table is gone').waitFor()
  expect(await row('coupons').innerText()).toMatch(/\+2\s+0\s+0\s+0/)
  expect(await row('products').innerText()).toMatch(/0\s+−3\s+0\s+0/)
  expect(await row('customers').innerText()).toMatch(/0\s+0\s+~1\s+119/)
  expect(await row('orders').innerText()).toMatch(/\+2\s+−1\s+0\s+1,199/)
  await admin.getByRole('button', { name: 'Rows of coupons' }).click()
  const coupons = admin.getByRole('region', { name: 'Rows of coupons' })
  await coupons.getByText('KAKAO').waitFor()
  // Of the backup, and not of the live database.
  expect(await coupons.getByText('LATE').count()).toBe(0)
  await admin.getByRole('button', { name: 'Rows of products' }).click()
  await admin.getByRole('region', { name: 'Rows of products' }).getByText('Trellis').waitFor()
  await admin.getByRole('button', { name: 'Rows of customers' }).click()
  const customers = admin.getByRole('region', { name: 'Rows of customers' })
  await customers.getByText('Oslo').waitFor()
  expect(await customers.innerText()).not.toMatch(/scrypt\$/)
  await expectAccessibleInBoth(admin, 'two backups compared, with what is masked')
  await customers.getByRole('switch', { name: 'Show sensitive values' }).click()
  await customers.locator('ins').getByText('scrypt$AFTER').waitFor()

  await visit.goTo(admin, `#/db/shop/compare?left=${LATER}&right=${yesterday}`, 'Compare')
  await row('coupons').getByText('the whole table is gone').waitFor()
  expect(await row('orders').innerText()).toMatch(/\+1\s+−2\s+0/)
})

browserTest('who may not see what is sensitive sees that it differs, and not how', async () => {
  const { visit, yesterday } = scene
  const operator = await visit.logIn(await visit.server.makeToken('operator'))
  await visit.goTo(operator, `#/db/shop/compare?left=${yesterday}&right=${LATER}`, 'Compare')
  await operator.getByRole('button', { name: 'Rows of customers' }).click()
  const customers = operator.getByRole('region', { name: 'Rows of customers' })
  await customers.getByText('Oslo').waitFor()
  await customers.getByText('1 sensitive column masked').waitFor()
  expect(await customers.locator('del').last().innerText()).toMatch(/masked/)
  expect(await customers.innerText()).not.toMatch(/scrypt\$/)
  expect(await operator.getByRole('switch').count()).toBe(0)
  const viewer = await visit.logIn(await visit.server.makeToken('viewer'))
  await visit.goTo(viewer, `#/db/shop/compare?left=${yesterday}&right=${LATER}`, 'Compare')
  await viewer.getByText('Comparing shows rows; that is for operators and admins.').waitFor()
  await operator.context().close()
  await viewer.context().close()
})

browserTest('where signatures are demanded, one without is restored only when an admin says so', async () => {
  const { visit, admin, yesterday } = scene
  await visit.goTo(admin, `#/db/shop/restore/${yesterday}`, 'Restore shop')
  const accept = admin.getByRole('switch', { name: 'Restore it though it is not signed' })
  const goOn = admin.getByRole('button', { name: 'Verify and go on' })
  await accept.waitFor()
  expect(await accept.isChecked()).toBe(false)
  await goOn.click()
  await admin.getByRole('alert').getByText('BACKUP_UNTRUSTED').waitFor()
  await expectAccessibleInBoth(admin, 'a restore that is refused for want of a signature')
  await accept.click()
  await goOn.click()
  await admin.getByText('none; it is restored all the same, as you have said').waitFor()
  await expectAccessibleInBoth(admin, 'the question before an unsigned backup is restored')
  await admin.getByLabel('Type shop to restore it').fill('shop')
  await admin.getByRole('button', { name: 'Restore shop' }).click()
  await admin.getByText('shop is restored.').waitFor()
  expect(hasOrderFive(visit.server.shop)).toBe(true)
  const audit = await admin.evaluate(async () => (await fetch('/api/v1/audit?database=shop&limit=5')).json())
  expect(audit.entries).toContainEqual(
    expect.objectContaining({
      action: 'restore',
      on: yesterday,
      result: 'success',
      actor: expect.objectContaining({ door: 'console' }),
      parameters: expect.objectContaining({ acceptUnsigned: true }),
    }),
  )
})

browserTest('a backup that was signed here is restored without such a question', async () => {
  const { admin } = scene
  // What was there before, kept by the restore, and signed by this machine.
  await admin.getByRole('link', { name: 'Undo this restore' }).click()
  await admin.getByRole('table', { name: 'Differences by table' }).waitFor()
  expect(await admin.getByRole('switch', { name: /not signed/ }).count()).toBe(0)
  await admin.getByRole('button', { name: 'Verify and go on' }).click()
  await admin.getByText('by a key that is trusted here').waitFor()
})

expectNothingWrong(scene)
