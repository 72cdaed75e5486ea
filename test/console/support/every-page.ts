/** Each page of the console, in one size and in one set of colours. */
import type { Page } from 'playwright-core'
import type { Visit } from './visit.ts'
import { expectAccessible } from './watched-page.ts'

export interface Looks {
  readonly width: number
  readonly colorScheme: 'light' | 'dark'
}

export const DESKTOP: Looks = { width: 1280, colorScheme: 'light' }
export const PHONE: Looks = { width: 360, colorScheme: 'dark' }

export async function lookAs(page: Page, { width, colorScheme }: Looks): Promise<void> {
  await page.setViewportSize({ width, height: 900 })
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
}

/** Expects that axe finds nothing serious on any page, and nothing stands out. */
export async function expectEveryPageAccessible(
  visit: Visit,
  page: Page,
  { looks, backup }: { readonly looks: Looks; readonly backup: string },
): Promise<void> {
  await lookAs(page, looks)
  const where = `at ${looks.width} px, ${looks.colorScheme}`
  for (const [address, heading, ready] of pagesOf(backup)) {
    await visit.goTo(page, address, heading)
    await page.getByRole('main').getByText(ready).first().waitFor()
    await expectAccessible(page, `${address} ${where}`)
  }
  await visit.goTo(page, '#/db/shop/backups', 'Backups')
  await page.getByRole('button', { name: 'Create backup' }).click()
  await page.getByRole('dialog').waitFor()
  await expectAccessible(page, `the dialog ${where}`)
}

/** Their addresses, headings, and a text that is there once they have what they show. */
function pagesOf(backup: string): readonly (readonly [string, string, string])[] {
  return [
    ['#/', 'Overview', 'Storage by type'],
    ['#/db/shop/backups', 'Backups', 'before <b>the</b> update'],
    [`#/db/shop/backups/${backup}`, backup, 'Verification history'],
    [`#/db/shop/look/${backup}?table=customers`, 'Look inside', 'Grace 1'],
    [`#/db/shop/compare?left=${backup}&right=live`, 'Compare', 'products'],
    [`#/db/shop/restore/${backup}`, 'Restore shop', 'products'],
    ['#/db/shop/retention', 'Retention', 'As a table'],
    ['#/db/shop/exports', 'Exports', 'left out'],
    ['#/schedule', 'Schedule', 'Next runs'],
    ['#/activity', 'Activity', 'success'],
    ['#/settings', 'Settings', 'Server'],
  ]
}
