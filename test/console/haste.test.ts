/** What a hasty hand does not do: lose by a slip what cannot be had again, or ask the server at every key. */
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { Database } from '../../src/index.ts'
import { Keyboard } from './support/keyboard.ts'
import { browserTest, expectNothingWrong, openScene } from './support/scene.ts'
import { expectAccessible } from './support/watched-page.ts'

const scene = openScene()

/** Of a page of 1280 pixels, where no dialog is. */
async function clickBeside(page: Page): Promise<void> {
  await page.mouse.click(20, 450)
}

browserTest(
  'a new token that nobody has copied is lost neither by a click beside it nor unasked',
  async () => {
    const { visit, admin } = scene
    await visit.goTo(admin, '#/settings', 'Settings')
    const made = Promise.withResolvers<void>()
    await admin.route(/\/tokens$/, async route => {
      await made.promise
      await route.continue()
    })
    await admin.getByRole('button', { name: 'New token' }).click()
    const dialog = admin.getByRole('dialog', { name: 'New API token' })
    await dialog.getByLabel('Name').fill('a slip')
    const asked = admin.waitForRequest(/\/tokens$/)
    await dialog.getByRole('button', { name: 'Make the token' }).click()
    await asked
    await clickBeside(admin)
    expect(await dialog.count()).toBe(1)
    made.resolve()
    const secret = dialog.locator('code')
    await secret.waitFor()

    await clickBeside(admin)
    expect(await secret.count()).toBe(1)
    const keyboard = new Keyboard(admin)
    await keyboard.expectIn(dialog)
    await keyboard.press('Escape')
    const question = admin.getByRole('alertdialog', { name: 'Close without the token?' })
    await question.waitFor()
    await expectAccessible(admin, 'the question before a token is gone')
    await keyboard.press('Escape')
    await question.waitFor({ state: 'detached' })
    await keyboard.expectIn(dialog)
    await dialog.getByRole('button', { name: 'Close' }).click()
    await question.getByRole('button', { name: 'Back to the token' }).click()
    await question.waitFor({ state: 'detached' })

    // By hand, as where the browser has no clipboard for the console.
    await secret.click()
    await keyboard.press('ControlOrMeta+c', 'Escape')
    await dialog.waitFor({ state: 'detached' })
    await keyboard.expectAt(admin.getByRole('button', { name: 'New token' }))
    await admin.unrouteAll()
  },
)

browserTest(
  'an upload goes on through a click beside it, and ends before its end, or with its page, only when told to',
  async () => {
    const { visit, admin, yesterday } = scene
    await visit.goTo(admin, '#/db/shop/backups', 'Backups')
    let held = Promise.withResolvers<void>()
    await admin.route(/\/backups\/upload/, async route => {
      await held.promise
      // What was aborted meanwhile cannot go on.
      await route.continue().catch(() => {})
    })
    const dialog = admin.getByRole('dialog', { name: 'Upload a backup of shop' })
    const file = join(visit.server.directory, 'backups', 'daily', yesterday)
    const begin = async (description: string): Promise<void> => {
      await admin.getByRole('button', { name: 'Upload' }).click()
      await dialog.getByLabel('File').setInputFiles(file)
      await dialog.getByLabel('Description').fill(description)
      const asked = admin.waitForRequest(/\/backups\/upload/)
      await dialog.getByRole('button', { name: 'Upload' }).click()
      await asked
    }
    const keyboard = new Keyboard(admin)
    const question = admin.getByRole('alertdialog', { name: 'Stop the upload?' })
    await begin('to its end')
    await clickBeside(admin)
    expect(await dialog.count()).toBe(1)
    await keyboard.expectIn(dialog)
    const asked = admin.waitForEvent('dialog')
    await admin.close({ runBeforeUnload: true })
    expect((await asked).type()).toBe('beforeunload')
    await keyboard.press('Escape')
    await question.getByRole('button', { name: 'Go on' }).click()
    await dialog.getByRole('button', { name: 'Close' }).click()
    await question.waitFor()
    // It is not asked any more once there is nothing to stop.
    held.resolve()
    await admin.getByRole('row', { name: /to its end/ }).waitFor()
    expect(await question.count()).toBe(0)

    held = Promise.withResolvers<void>()
    await begin('stopped')
    await keyboard.press('Escape')
    const aborted = admin.waitForEvent('requestfailed', request => request.url().includes('/upload'))
    await question.getByRole('button', { name: 'Stop it' }).click()
    await aborted
    await dialog.waitFor({ state: 'detached' })
    await keyboard.expectAt(admin.getByRole('button', { name: 'Upload' }))
    held.resolve()
    await admin.unrouteAll({ behavior: 'ignoreErrors' })
  },
)

browserTest('a dialog with nothing to lose closes by a click beside it, and by Escape', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/settings', 'Settings')
  const dialog = admin.getByRole('dialog', { name: 'New API token' })
  for (const close of [clickBeside, async (page: Page) => page.keyboard.press('Escape')]) {
    await admin.getByRole('button', { name: 'New token' }).click()
    await dialog.waitFor()
    await close(admin)
    await dialog.waitFor({ state: 'detached' })
  }
})

browserTest('of two searches the later one is shown, and the earlier one is given up', async () => {
  const { visit, admin, yesterday } = scene
  await visit.goTo(admin, `#/db/shop/look/${yesterday}?table=customers`, 'Look inside')
  const rows = admin.getByRole('region', { name: 'Rows of customers' })
  await rows.getByText('Grace 1', { exact: true }).waitFor()
  const held = Promise.withResolvers<void>()
  await admin.route(/\/rows\?.*search=ada/, async route => {
    await held.promise
    await route.continue().catch(() => {})
  })
  const search = admin.getByLabel('Search all columns')
  const asked = admin.waitForRequest(/\/rows\?.*search=ada/)
  await search.fill('ada')
  await search.press('Enter')
  await asked
  const givenUp = admin.waitForEvent('requestfailed', request => request.url().includes('search=ada'))
  await search.fill('radia 119')
  await search.press('Enter')
  await givenUp
  await rows.getByText('Radia 119').waitFor()
  held.resolve()
  await admin.unrouteAll({ behavior: 'ignoreErrors' })
  expect(await rows.getByRole('row').count()).toBe(2)
})

browserTest('an overview that stays open shows in its calendar what was made meanwhile', async () => {
  const { visit } = scene
  const page = await visit.logIn(await visit.server.makeToken('viewer'))
  await page.clock.install()
  await page.reload()
  const months = page.getByRole('list', { name: 'Backups of notes by month' }).getByRole('listitem')
  await months
    .last()
    .getByText(/backups on 0 of 1 days/)
    .waitFor()
  const notes = new Database({ config: visit.server.config, database: 'notes' })
  expect(await notes.createBackup()).toMatchObject({ success: true })
  await page.clock.fastForward(31_000)
  await months
    .last()
    .getByText(/backups on 1 of 1 days/)
    .waitFor({ timeout: 10_000 })
})

// The clock is stopped in all of its pages: it is the last one.
browserTest('the server is asked once nobody types any more, or at Enter, and not at every key', async () => {
  const { visit, admin, yesterday } = scene
  await visit.goTo(admin, `#/db/shop/look/${yesterday}?table=orders`, 'Look inside')
  await admin.getByText('1–50 of 1,200').waitFor()
  const asked: (string | null)[] = []
  admin.on('request', request => {
    const { pathname, searchParams } = new URL(request.url())
    if (pathname.endsWith('/rows')) asked.push(searchParams.get('search'))
    if (pathname.endsWith('/backups')) asked.push(searchParams.get('q'))
  })
  await admin.clock.install()
  const search = admin.getByLabel('Search all columns')
  await admin.clock.pauseAt(Date.now() + 60_000)
  await search.pressSequentially('op')
  await admin.clock.runFor(200)
  await search.pressSequentially('e')
  await admin.clock.runFor(200)
  const settled = admin.waitForRequest(/\/rows\?.*search=ope&/)
  await admin.clock.runFor(100)
  await settled
  const entered = admin.waitForRequest(/\/rows\?.*search=open&/)
  await search.pressSequentially('n')
  await search.press('Enter')
  await entered
  await admin.clock.resume()
  const orders = admin.getByRole('region', { name: 'Rows of orders' })
  await orders.getByText('paid').first().waitFor({ state: 'detached' })
  expect(asked).toEqual(['ope', 'open'])

  await visit.goTo(admin, '#/db/shop/backups', 'Backups')
  await admin.getByRole('table').waitFor()
  asked.length = 0
  await admin.clock.pauseAt(Date.now() + 120_000)
  await admin.getByLabel(/Search name/).pressSequentially('no such')
  await admin.getByLabel(/Search name/).press('Enter')
  await admin.clock.resume()
  await admin.getByText('No backup matches').waitFor()
  expect(asked.filter(text => text !== null)).toEqual(['no such'])
})

expectNothingWrong(scene)
