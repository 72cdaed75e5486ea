/** What the console shows of the target `disk`. */
import type { Locator, Page } from 'playwright-core'
import type { Visit } from './visit.ts'
import { expectAccessible } from './watched-page.ts'

/** Finds the copy of the backup of `row` at the target, and looks into it as into any other. */
export async function lookAtCopy(page: Page, row: Locator): Promise<void> {
  await row.getByText('at disk').waitFor()
  await page.getByLabel('Where').selectOption('disk')
  await page.getByText('1 backup, ').waitFor()
  await row.getByRole('link').click()
  await page.getByText(/^disk:manual\//).waitFor()
  await page.getByRole('link', { name: 'Look inside' }).first().click()
  await page.getByRole('heading', { name: 'Look inside', level: 1 }).waitFor()
}

/** Checks the target, and expects to see what it does. */
export async function checkTarget(visit: Visit, page: Page): Promise<void> {
  await visit.goTo(page, '#/settings', 'Settings')
  const row = page.getByRole('row', { name: /^disk/ })
  await row.getByText('never checked').waitFor()
  await row.getByRole('button', { name: 'Check disk' }).click()
  const dialog = page.getByRole('dialog', { name: 'Check disk' })
  await dialog.getByRole('button', { name: 'Check', exact: true }).click()
  const seen = dialog.getByRole('listitem')
  for (const probe of ['put', 'get', 'list', 'delete']) {
    await seen.filter({ hasText: `yes ${probe}:` }).waitFor()
  }
  await expectAccessible(page, 'the dialog of a target')
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await row.getByText('usable').waitFor()
}
