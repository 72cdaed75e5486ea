/** The console in a real Chromium, against `chame-backup serve` as its users start it. */
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { DESKTOP, expectEveryPageAccessible, PHONE } from './support/every-page.ts'
import { browserTest, expectNothingWrong, openScene } from './support/scene.ts'
import { hasOrderFive, HOSTILE_TABLE, HOSTILE_TEXT } from './support/shop.ts'
import { lookAtCopy } from './support/target.ts'
import { expectAccessibleInBoth } from './support/watched-page.ts'

const scene = openScene({
  isLoggedIn: false,
  config: { targets: { disk: { kind: 'local', path: 'elsewhere' } } },
})

const backupsPage = '#/db/shop/backups'

browserTest(
  'the link that the first start prints logs in once, and leaves no secret in the address',
  async () => {
    const { visit, admin } = scene
    await admin.goto(visit.server.logInLink)
    await admin.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    expect(admin.url()).toBe(`${visit.server.url}#/`)
    // Nor when it is opened again by somebody who is logged in.
    await admin.goto('about:blank')
    await admin.goto(visit.server.logInLink)
    await admin.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    expect(admin.url()).toBe(`${visit.server.url}#/`)

    const stranger = await (await visit.stranger()).newPage()
    await stranger.goto(visit.server.logInLink)
    const alert = stranger.getByRole('alert')
    await alert.waitFor()
    expect(await alert.innerText()).toMatch(/UNAUTHENTICATED/)
    await stranger.context().close()
  },
)

browserTest('the overview says plainly how each database stands, and why', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/', 'Overview')
  const shop = admin.getByRole('region', { name: 'shop' })
  await shop.getByText('At risk').waitFor()
  await shop.getByText('The newest backup is not at disk.').waitFor()
  await shop.getByText('1 day ago').or(shop.getByText('24 h ago')).first().waitFor()
  const notes = admin.getByRole('region', { name: 'notes' })
  await notes.getByText('Failing').waitFor()
  await notes.getByText('There is no backup yet.').waitFor()
  await shop.getByText('As a table').click()
  const sizes = shop.getByRole('table', { name: 'Size of shop by day' }).locator('tbody').getByRole('row')
  // A day each.
  await sizes.nth(2).waitFor()
  expect(await sizes.count()).toBe(3)
  const months = shop.getByRole('list', { name: 'Backups of shop by month' }).getByRole('listitem')
  await months.nth(11).waitFor()
  expect(await months.count()).toBe(12)
  expect(await months.last().innerText()).toMatch(/backups on \d of \d+ days/)
})

browserTest('a backup is made with a description, its progress is shown, and it is listed', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, backupsPage, 'Backups')
  await admin.getByRole('button', { name: 'Create backup' }).click()
  const dialog = admin.getByRole('dialog', { name: 'Back up shop' })
  await dialog.getByLabel('Description').fill('before <b>the</b> update')
  const stream = admin.waitForRequest(/\/api\/v1\/jobs\/job_[0-9a-f]+\/events$/)
  await dialog.getByRole('button', { name: 'Make the backup' }).click()
  await stream
  await dialog.getByText('The backup is made and checked.').waitFor()
  expect(await admin.evaluate(() => [...window.seenProgress].length)).toBeGreaterThan(0)
  await dialog.getByRole('button', { name: 'Done' }).click()
  const row = admin.getByRole('row', { name: /before <b>the<\/b> update/ })
  await row.waitFor()
  expect(await row.innerText()).toMatch(/manual/)
  await lookAtCopy(admin, row)
  await visit.goTo(admin, '#/', 'Overview')
  await admin.getByRole('region', { name: 'shop' }).getByText('Protected').waitFor()
})

browserTest('backups are searched, filtered and sorted', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, backupsPage, 'Backups')
  const rows = admin.getByRole('table', { name: 'Backups of shop' }).locator('tbody').getByRole('row')
  await admin.getByText('4 backups, ').waitFor()
  await admin.getByLabel('Type').selectOption('daily')
  await admin.getByText('3 backups, ').waitFor()
  await admin.getByLabel('Type').selectOption('')
  await admin.getByLabel(/Search name/).fill('UPDATE')
  await admin.getByText('1 backup, ').waitFor()
  expect(await rows.count()).toBe(1)
  await admin.getByLabel(/Search name/).fill('nothing has this')
  await admin.getByText('No backup matches').waitFor()
  await admin.getByLabel(/Search name/).fill('')
  await admin.getByText('4 backups, ').waitFor()
  await admin.getByRole('button', { name: /Created/ }).click()
  await admin
    .getByRole('columnheader', { name: /Created/ })
    .and(admin.locator('[aria-sort=ascending]'))
    .waitFor()
  await rows.first().getByText('3 days ago').waitFor()
})

browserTest('a backup is verified and drilled, and its page tells what is known of it', async () => {
  const { visit, admin, yesterday } = scene
  await visit.goTo(admin, `${backupsPage}/${yesterday}`, yesterday)
  await admin.getByRole('button', { name: 'Verify' }).click()
  await admin.getByText('Intact.').waitFor()
  await expectAccessibleInBoth(admin, 'a verification')
  await admin.getByRole('button', { name: 'Close' }).last().click()
  await admin.getByRole('button', { name: 'Drill' }).click()
  await admin.getByText(/Proven: it can be restored/).waitFor()
  await expectAccessibleInBoth(admin, 'a drill')
  await admin.getByRole('button', { name: 'Close' }).last().click()
  const history = admin.getByRole('region', { name: 'Verification history' })
  await history.getByText('drill passed').waitFor()
  await history.getByText(/Verification asked for by/).waitFor()
  const tables = admin.getByRole('table', { name: 'Tables and their rows' })
  await tables.getByRole('row', { name: /customers 120/ }).waitFor()
  const stored = readFileSync(join(visit.server.directory, 'backups', 'daily', yesterday))
  await admin.getByText(createHash('sha256').update(stored).digest('hex')).waitFor()
})

browserTest('a backup is downloaded as it is stored, and uploaded again', async () => {
  const { visit, admin, yesterday } = scene
  await visit.goTo(admin, `${backupsPage}/${yesterday}`, yesterday)
  const download = admin.waitForEvent('download')
  await admin.getByRole('link', { name: 'Download' }).click()
  const path = join(visit.server.directory, 'downloaded.db')
  await (await download).saveAs(path)
  const stored = join(visit.server.directory, 'backups', 'daily', yesterday)
  expect(readFileSync(path).equals(readFileSync(stored))).toBe(true)

  const spoilt = join(visit.server.directory, 'spoilt.db')
  copyFileSync(new URL(import.meta.url), spoilt)
  await visit.goTo(admin, backupsPage, 'Backups')
  await admin.getByRole('button', { name: 'Upload' }).click()
  const dialog = admin.getByRole('dialog')
  await dialog.getByLabel('File').setInputFiles(spoilt)
  await dialog.getByRole('button', { name: 'Upload' }).click()
  await dialog.getByRole('alert').waitFor()
  await expectAccessibleInBoth(admin, 'an upload that is refused')
  await dialog.getByLabel('File').setInputFiles(path)
  await dialog.getByLabel('Description').fill('from elsewhere')
  await dialog.getByRole('button', { name: 'Upload' }).click()
  await admin.getByRole('row', { name: /from elsewhere/ }).waitFor()
})

browserTest('what is pinned cannot be deleted, and what is deleted is gone', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, backupsPage, 'Backups')
  const row = admin.getByRole('row', { name: /from elsewhere/ })
  const choose = async (item: string): Promise<void> => {
    await row.getByRole('button', { name: /^Actions for/ }).click()
    await admin.getByRole('menuitem', { name: item, exact: true }).click()
  }
  await choose('Pin')
  await admin.getByLabel('Why it must stay').fill('evidence')
  await admin.getByRole('button', { name: 'Pin', exact: true }).click()
  await row.getByText('pinned').waitFor()
  await choose('Delete')
  const question = admin.getByRole('alertdialog')
  await question.getByRole('button', { name: 'Delete for good' }).click()
  await question.getByText('BACKUP_PROTECTED').waitFor()
  await expectAccessibleInBoth(admin, 'a deletion that is refused')
  await question.getByRole('button', { name: 'Keep as it is' }).click()
  await choose('Unpin')
  await question.getByRole('button', { name: 'Unpin' }).click()
  await row.getByText('pinned').waitFor({ state: 'detached' })
  await choose('Delete')
  await question.getByRole('button', { name: 'Delete for good' }).click()
  await row.waitFor({ state: 'detached' })
  await admin.getByText('4 backups, ').waitFor()
})

browserTest('inside a backup tables, rows and queries are shown, secrets only when asked for', async () => {
  const { visit, admin, yesterday } = scene
  await visit.goTo(admin, `#/db/shop/look/${yesterday}?table=customers`, 'Look inside')
  const rows = admin.getByRole('region', { name: 'Rows of customers' })
  await rows.getByText('Grace 1', { exact: true }).waitFor()
  expect(await rows.innerText()).not.toMatch(/scrypt\$/)
  await admin.getByLabel('Search all columns').fill('radia 119')
  await rows.getByText('Radia 119').waitFor()
  expect(await rows.getByRole('row').count()).toBe(2)
  await admin.getByRole('switch', { name: 'Show sensitive values' }).click()
  await rows
    .getByText(/scrypt\$/)
    .first()
    .waitFor()
  await admin.getByLabel('Search all columns').fill('')
  await admin.getByRole('button', { name: 'Next' }).click()
  await admin.getByText('51–100 of 120').waitFor()

  await admin.getByRole('tab', { name: 'SQL' }).click()
  const box = admin.getByLabel('One statement that reads')
  await box.fill('SELECT count(*) AS many FROM orders')
  await admin.getByRole('button', { name: 'Run' }).click()
  const answer = admin.getByRole('region', { name: 'Rows of the result' })
  await answer.getByText('1200').waitFor()
  await box.fill('DELETE FROM orders')
  await admin.getByRole('button', { name: 'Run' }).click()
  await admin.getByRole('alert').getByText('INVALID_ARGUMENT').waitFor()
})

browserTest('names and values that are HTML are shown as the text that they are', async () => {
  const { visit, admin, yesterday } = scene
  await visit.goTo(
    admin,
    `#/db/shop/look/${yesterday}?${new URLSearchParams({ table: HOSTILE_TABLE })}`,
    'Look inside',
  )
  await admin.getByRole('heading', { name: HOSTILE_TABLE, exact: true }).waitFor()
  await admin.getByRole('columnheader', { name: '<b>note</b>', exact: true }).waitFor()
  await admin.getByText(HOSTILE_TEXT, { exact: true }).waitFor()
  expect(await admin.title()).not.toMatch(/pwned/)
})

browserTest('a backup is compared with the live database, down to the cells', async () => {
  const { visit, admin, yesterday } = scene
  await visit.goTo(admin, `#/db/shop/compare?left=${yesterday}&right=live`, 'Compare')
  const tables = admin.getByRole('table', { name: 'Differences by table' })
  await tables.getByRole('row', { name: /orders \+2 −1 0/ }).waitFor()
  await tables.getByRole('row', { name: /products 0 0 ~1/ }).waitFor()
  await admin.getByRole('button', { name: 'Rows of products' }).click()
  const rows = admin.getByRole('region', { name: 'Rows of products' })
  await rows.getByText('450').waitFor()
  expect(await rows.locator('del').innerText()).toMatch(/450/)
  expect(await rows.locator('ins').innerText()).toMatch(/475/)
})

browserTest('a restore shows what will change, asks for the name, and leaves a way back', async () => {
  const { visit, admin, yesterday } = scene
  expect(hasOrderFive(visit.server.shop)).toBe(false)
  await visit.goTo(admin, `#/db/shop/restore/${yesterday}`, 'Restore shop')
  await admin.getByRole('row', { name: /orders \+1 −2 0/ }).waitFor()
  await admin.getByRole('button', { name: 'Verify and go on' }).click()
  const restore = admin.getByRole('button', { name: 'Restore shop' })
  await restore.waitFor()
  await admin.getByLabel('Type shop to restore it').fill('shoq')
  expect(await restore.isDisabled()).toBe(true)
  expect(hasOrderFive(visit.server.shop)).toBe(false)
  await admin.getByLabel('Type shop to restore it').fill('shop')
  await restore.click()
  await admin.getByText('shop is restored.').waitFor()
  expect(hasOrderFive(visit.server.shop)).toBe(true)

  await admin.getByRole('link', { name: 'Undo this restore' }).click()
  await admin.getByRole('row', { name: /orders \+2 −1 0/ }).waitFor()
  await admin.getByRole('button', { name: 'Verify and go on' }).click()
  await admin.getByLabel('Type shop to restore it').fill('shop')
  await restore.click()
  await admin.getByText('shop is restored.').waitFor()
  expect(hasOrderFive(visit.server.shop)).toBe(false)
})

browserTest('a retention policy is tried out, saved, and carried out', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/db/shop/retention', 'Retention')
  const now = admin.getByRole('region', { name: 'Now' })
  // Six here, and the copy of one at the target.
  await now.getByText(/7 backups kept, 0 deleted/).waitFor()
  await admin.getByLabel('Newest of daily').fill('1')
  await admin.getByLabel('Daily of daily').fill('')
  await now.getByText(/5 backups kept, 2 deleted/).waitFor()
  const year = admin.getByRole('region', { name: 'Over the next year' })
  await year.getByText('3 backups of today go meanwhile').waitFor()
  await admin.getByRole('button', { name: 'Save policy' }).click()
  await admin.getByText('The policy is saved').first().waitFor()
  const config = readFileSync(join(visit.server.directory, 'chame-backup.config.json'), 'utf8')
  expect(JSON.parse(config)).toMatchObject({
    databases: { shop: { retention: { types: { daily: { keepLast: 1 } } } } },
  })
  await admin.getByRole('button', { name: 'Clean up …' }).click()
  await admin.getByRole('alertdialog').getByRole('button', { name: 'Delete 2 backups' }).click()
  await admin.getByText('2 backups deleted').first().waitFor()
  await now.getByText(/5 backups kept, 0 deleted/).waitFor()
})

browserTest('sensitive columns are found, and an export without them is downloaded', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/db/shop/exports', 'Exports')
  await admin.getByRole('button', { name: 'Scan' }).click()
  await admin.getByRole('row', { name: /customers\.password_hash/ }).waitFor()
  await admin.getByLabel('Format').selectOption('sql')
  await admin.getByRole('button', { name: 'Export', exact: true }).click()
  await admin.getByText(/rows exported/).waitFor()
  await expectAccessibleInBoth(admin, 'a scan and an export')
  const download = admin.waitForEvent('download')
  await admin.getByRole('link', { name: 'Download', exact: true }).click()
  const path = join(visit.server.directory, 'export.sql')
  await (await download).saveAs(path)
  expect(readFileSync(path, 'utf8')).toMatch(/Grace 1/)
  expect(readFileSync(path, 'utf8')).not.toMatch(/scrypt\$/)
})

browserTest(
  'the activity shows what was done here and by whom, and that no line of it was changed',
  async () => {
    const { visit, admin } = scene
    await visit.goTo(admin, '#/activity', 'Activity')
    const log = admin.getByRole('table', { name: 'What was done, newest first' })
    await log
      .getByRole('row', { name: /^restore .* by console/ })
      .first()
      .waitFor()
    await admin.getByRole('button', { name: 'Verify the log' }).click()
    await admin.getByText(/^Intact: \d+ lines/).waitFor()
    await expectAccessibleInBoth(admin, 'an audit log that was verified')
  },
)

browserTest('a role is not offered what it may not do', async () => {
  const { visit, yesterday } = scene
  const viewer = await visit.logIn(await visit.server.makeToken('viewer'))
  await visit.goTo(viewer, `${backupsPage}/${yesterday}`, yesterday)
  await viewer.getByRole('link', { name: 'Look inside' }).waitFor()
  for (const name of ['Restore', 'Verify', 'Drill', 'Download', 'Pin', 'Delete']) {
    expect(
      await viewer.getByRole('button', { name }).or(viewer.getByRole('link', { name })).count(),
      name,
    ).toBe(0)
  }
  await visit.goTo(viewer, backupsPage, 'Backups')
  await viewer.getByRole('table').waitFor()
  expect(await viewer.getByRole('button', { name: /Create backup|Upload/ }).count()).toBe(0)
  await visit.goTo(viewer, '#/settings', 'Settings')
  await viewer.getByText('Notifications').waitFor()
  expect(await viewer.getByText('API tokens').count()).toBe(0)

  const operator = await visit.logIn(await visit.server.makeToken('operator'))
  await visit.goTo(operator, `#/db/shop/look/${yesterday}?table=customers`, 'Look inside')
  await operator.getByText('masked', { exact: true }).first().waitFor()
  expect(await operator.getByRole('switch').count()).toBe(0)
  await visit.goTo(operator, `#/db/shop/restore/${yesterday}`, 'Restore shop')
  await operator.getByText('Restoring is for admins.').waitFor()
  await viewer.context().close()
  await operator.context().close()
})

browserTest(
  'whoever has logged out elsewhere is told so, and comes back to the page where they were',
  async () => {
    const { visit } = scene
    const token = await visit.server.makeToken('viewer')
    const page = await visit.logIn(token)
    const other = await page.context().newPage()
    await other.goto(visit.server.url)
    await other.getByRole('button', { name: 'Log out' }).click()
    await other.getByLabel('API token').waitFor()
    await page.getByRole('link', { name: 'Schedule' }).first().click()
    await page.getByText(/Your session has ended/).waitFor()
    await expectAccessibleInBoth(page, 'a session that has ended')
    await page.getByLabel('API token').fill(token)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('heading', { name: 'Schedule', level: 1 }).waitFor()
    await page.context().close()
  },
)

for (const looks of [DESKTOP, PHONE]) {
  browserTest(
    `axe finds nothing serious on any page, and nothing stands out, at ${looks.width} px in ${looks.colorScheme}`,
    async () => expectEveryPageAccessible(scene.visit, scene.admin, { looks, backup: scene.yesterday }),
  )
}

browserTest('axe finds nothing serious on the log-in page either', async () => {
  const { visit } = scene
  const stranger = await (await visit.stranger()).newPage()
  await stranger.goto(visit.server.url)
  await stranger.getByLabel('API token').fill('no such token')
  await stranger.getByRole('button', { name: 'Log in' }).click()
  await stranger.getByRole('alert').waitFor()
  await expectAccessibleInBoth(stranger, 'the log-in page')
  await stranger.context().close()
})

expectNothingWrong(scene)
