/** The same tasks at 360 pixels, where nothing may stand out at the side, with axe at each step. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { lookAs, PHONE } from './support/every-page.ts'
import { browserTest, expectNothingWrong, openScene } from './support/scene.ts'
import { hasOrderFive } from './support/shop.ts'
import { expectAccessibleInBoth } from './support/watched-page.ts'

const scene = openScene()

async function onPhone(): Promise<Page> {
  await lookAs(scene.admin, PHONE)
  return scene.admin
}

/** By the menu, as one has to there. */
async function goBy(page: Page, entry: string): Promise<void> {
  await page.getByRole('button', { name: 'Menu' }).click()
  await page.getByRole('dialog').getByRole('link', { name: entry }).click()
  await page.getByRole('heading', { name: entry, level: 1 }).waitFor()
}

browserTest('on a phone one logs in, and is told why not', async () => {
  const page = await (await scene.visit.stranger()).newPage()
  await lookAs(page, PHONE)
  await page.goto(scene.visit.server.url)
  await page.getByLabel('API token').fill('no such token')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('alert').waitFor()
  await expectAccessibleInBoth(page, 'a refused log-in on a phone')
  await page.getByLabel('API token').fill(await scene.visit.server.makeToken('viewer'))
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  await page.getByRole('button', { name: 'Menu' }).click()
  await page.getByRole('dialog').getByText('the viewer').waitFor()
  await expectAccessibleInBoth(page, 'the menu on a phone')
  await page.context().close()
})

browserTest('on a phone a backup is made, and its progress is shown', async () => {
  const page = await onPhone()
  await goBy(page, 'Backups')
  await page.getByRole('button', { name: 'Create backup' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Description').fill('on the phone')
  await dialog.getByRole('button', { name: 'Make the backup' }).click()
  await dialog.getByText('The backup is made and checked.').waitFor()
  expect(await page.evaluate(() => [...window.seenProgress].length)).toBeGreaterThan(0)
  await expectAccessibleInBoth(page, 'a backup that was made on a phone')
  await dialog.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('row', { name: /on the phone/ }).waitFor()
})

browserTest('on a phone a backup is looked into, table by table and in SQL', async () => {
  const page = await onPhone()
  const row = page.getByRole('row', { name: /on the phone/ })
  await row.getByRole('button', { name: /^Actions for/ }).click()
  await expectAccessibleInBoth(page, 'the menu of a backup on a phone')
  await page.getByRole('menuitem', { name: 'Look inside' }).click()
  await page.getByRole('heading', { name: 'Look inside', level: 1 }).waitFor()
  await page.getByLabel('Table', { exact: true }).selectOption('customers')
  const rows = page.getByRole('region', { name: 'Rows of customers' })
  await rows.getByText('Grace 1', { exact: true }).waitFor()
  // What is wider than the page scrolls in its own frame.
  expect(await rows.evaluate(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)).toBe(true)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText('51–100 of 120').waitFor()
  await expectAccessibleInBoth(page, 'rows on a phone')
  await page.getByRole('tab', { name: 'SQL' }).click()
  await page.getByLabel('One statement that reads').fill('SELECT * FROM customers, orders LIMIT 5')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByRole('region', { name: 'Rows of the result' }).waitFor()
  await expectAccessibleInBoth(page, 'a query on a phone')
})

browserTest('on a phone a backup is compared, down to the cells', async () => {
  const page = await onPhone()
  await goBy(page, 'Compare')
  await page.getByLabel('From').selectOption(scene.yesterday)
  await page.getByRole('button', { name: 'Compare', exact: true }).click()
  // The headings of its cells are in it there.
  await page.getByRole('row', { name: /products .*0 .*~1/ }).waitFor()
  await page.getByRole('button', { name: 'Rows of products' }).click()
  await page.getByRole('region', { name: 'Rows of products' }).locator('ins').waitFor()
  await expectAccessibleInBoth(page, 'a comparison on a phone')
})

browserTest('on a phone what a restore would change is seen, and it is restored', async () => {
  const { visit, yesterday } = scene
  const page = await onPhone()
  await visit.goTo(page, `#/db/shop/restore/${yesterday}`, 'Restore shop')
  await page.getByRole('row', { name: /orders .*\+1 .*−2 / }).waitFor()
  await expectAccessibleInBoth(page, 'what a restore will change, on a phone')
  await page.getByRole('button', { name: 'Verify and go on' }).click()
  await page.getByLabel('Type shop to restore it').fill('shop')
  await expectAccessibleInBoth(page, 'the question before a restore, on a phone')
  await page.getByRole('button', { name: 'Restore shop' }).click()
  await page.getByText('shop is restored.').waitFor()
  await expectAccessibleInBoth(page, 'the result of a restore, on a phone')
  expect(hasOrderFive(visit.server.shop)).toBe(true)
})

browserTest('on a phone a retention policy is changed and saved', async () => {
  const page = await onPhone()
  await goBy(page, 'Retention')
  await page.getByLabel('Within of daily').fill('a while')
  await page.getByText(/^expected a span/).waitFor()
  await expectAccessibleInBoth(page, 'a policy that is not valid, on a phone')
  await page.getByLabel('Within of daily').fill('30d')
  const now = page.getByRole('region', { name: 'Now', exact: true })
  await now.getByText(/backups kept/).waitFor()
  await page.getByRole('button', { name: 'Save policy' }).click()
  await page.getByText('The policy is saved').first().waitFor()
  await now.getByText('Each backup, and why').click()
  await expectAccessibleInBoth(page, 'a policy that was saved, on a phone')
  expect(JSON.parse(readFileSync(scene.visit.server.config, 'utf8'))).toMatchObject({
    databases: { shop: { retention: { types: { daily: { keepWithin: '30d' } } } } },
  })
})

expectNothingWrong(scene)
