/** What the console shows where something does not come to its end as it should. */
import type { Page, Route } from 'playwright-core'
import { expect } from 'vitest'
import { PATIENTLY } from './support/keyboard.ts'
import { browserTest, expectNothingWrong, openScene } from './support/scene.ts'

const scene = openScene({
  isLoggedIn: false,
  config: {
    databases: {
      shop: {
        path: 'data/shop.db',
        backupDir: 'backups',
        retention: { types: { daily: { keepLast: 1 } } },
      },
      notes: { path: 'data/notes.db', backupDir: 'backups' },
    },
  },
})

const JOB = /\/jobs\/job_[0-9a-f]+/

/** Answers as the server does where it refuses. */
function refuse(status: number, code: string): (route: Route) => Promise<void> {
  const body = JSON.stringify({ status, code, detail: `This is ${code}` })
  return async route => route.fulfill({ status, contentType: 'application/problem+json', body })
}

/** As a browser does when somebody comes back to the tab. */
async function comeBack(page: Page): Promise<void> {
  await page.evaluate(() => window.dispatchEvent(new Event('visibilitychange')))
}

browserTest('a log-in link that is opened where the console is open already logs in, too', async () => {
  const { visit, admin } = scene
  await admin.goto(visit.server.url)
  await admin.getByLabel('API token').waitFor()
  await admin.evaluate(hash => {
    window.location.hash = hash
  }, new URL(visit.server.logInLink).hash)
  await admin.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  expect(admin.url()).toBe(`${visit.server.url}#/`)
})

browserTest(
  'work of which the server knows nothing any more is said to be lost, and can be begun again',
  async () => {
    const { visit, admin } = scene
    await visit.goTo(admin, '#/db/notes/backups', 'Backups')
    await admin.route(JOB, refuse(404, 'NOT_FOUND'))
    await admin.getByRole('button', { name: 'Create backup' }).click()
    const dialog = admin.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Make the backup' }).click()
    await dialog.getByRole('alert').getByText('NOT_FOUND', { exact: true }).waitFor()
    await admin.unroute(JOB)
    await dialog.getByRole('button', { name: 'Try again' }).click()
    await dialog.getByText('The backup is made and checked.').waitFor()
    await dialog.getByRole('button', { name: 'Done' }).click()
  },
)

browserTest('work that cannot be cancelled goes on, and says why', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/db/notes/backups', 'Backups')
  // It is followed, and nothing is heard of it.
  await admin.route(JOB, () => {})
  await admin.route(/\/cancel$/, refuse(403, 'FORBIDDEN'))
  await admin.getByRole('button', { name: 'Create backup' }).click()
  const dialog = admin.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Make the backup' }).click()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.getByRole('alert').getByText('FORBIDDEN', { exact: true }).waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).waitFor()
  await admin.unrouteAll()
})

browserTest('what cannot be begun again says why, and shows nothing of the last time', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/db/shop/exports', 'Exports')
  await admin.getByRole('button', { name: 'Scan' }).click()
  const row = admin.getByRole('row', { name: /customers\.password_hash/ })
  await row.waitFor()
  await admin.route(/\/scan$/, refuse(429, 'TOO_MANY_REQUESTS'))
  await admin.getByRole('button', { name: 'Scan again' }).click()
  await admin.getByRole('alert').getByText('TOO_MANY_REQUESTS', { exact: true }).waitFor()
  expect(await row.count()).toBe(0)
  await admin.unrouteAll()
})

browserTest('a page of backups of which all are gone leads back to the others', async () => {
  const { visit, admin } = scene
  await admin.route(/\/shop\/backups\?/, async route => {
    const answer = await route.fetch()
    const page = (await answer.json()) as { total: number }
    const isSecond = route.request().url().includes('cursor=')
    const nextCursor = isSecond ? null : 'WzEsImEiXQ'
    await route.fulfill({
      response: answer,
      json: { ...page, ...(isSecond ? { backups: [] } : {}), nextCursor },
    })
  })
  await visit.goTo(admin, '#/db/shop/backups', 'Backups')
  await admin.getByRole('button', { name: 'Next' }).click()
  await admin.getByText('What was on this page is gone').waitFor()
  await admin.getByRole('button', { name: 'Previous' }).click()
  await admin.getByRole('table', { name: 'Backups of shop' }).waitFor()
  await admin.unrouteAll()
})

browserTest('rows that are long in coming are not said to be there', async () => {
  const { visit, admin, yesterday } = scene
  const { promise, resolve } = Promise.withResolvers<void>()
  await admin.route(/\/rows\?.*offset=50/, async route => {
    await promise
    await route.continue()
  })
  await visit.goTo(admin, `#/db/shop/look/${yesterday}?table=customers`, 'Look inside')
  await admin.getByText('1–50 of 120').waitFor()
  const asked = admin.waitForRequest(/\/rows\?.*offset=50/)
  await admin.getByRole('button', { name: 'Next' }).click()
  await asked
  await admin.getByText('1–50 of 120', { exact: true }).waitFor()
  resolve()
  await admin.getByText('51–100 of 120').waitFor()
  await admin.unrouteAll()
})

browserTest('a plan of a cleanup that was used up is made anew', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/db/shop/retention', 'Retention')
  await admin.getByRole('button', { name: 'Clean up …' }).click()
  const question = admin.getByRole('alertdialog')
  const button = question.getByRole('button', { name: /^Delete \d backups/ })
  await button.waitFor()
  await admin.route(/\/cleanup$/, refuse(409, 'PLAN_STALE'), { times: 1 })
  const planned = admin.waitForRequest(/\/cleanup-plan$/)
  await button.click()
  await question.getByRole('alert').getByText('PLAN_STALE', { exact: true }).waitFor()
  await planned
  await button.click()
  await admin
    .getByText(/\d backups deleted/)
    .first()
    .waitFor()
})

browserTest('a new token that the browser does not let be copied is to be copied by hand', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/settings', 'Settings')
  await admin.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }))
  await admin.getByRole('button', { name: 'New token' }).click()
  const dialog = admin.getByRole('dialog')
  await dialog.getByLabel('Name').fill('a')
  await dialog.getByRole('button', { name: 'Make the token' }).click()
  await dialog.getByRole('button', { name: 'Copy' }).click()
  await dialog.getByText(/copy it yourself/).waitFor()
  await dialog.getByRole('button', { name: 'Done' }).click()
})

browserTest(
  'of a session that ended elsewhere, or is another one by now, nothing is shown any more',
  async () => {
    const { visit, yesterday } = scene
    const page = await visit.logIn(await visit.server.makeToken('operator'))
    await visit.goTo(page, `#/db/shop/look/${yesterday}`, 'Look inside')
    const other = await page.context().newPage()
    const logInAs = async (token: string): Promise<void> => {
      await other.goto(visit.server.url)
      await other.getByRole('button', { name: 'Log out' }).click()
      await other.getByLabel('API token').fill(token)
      await other.getByRole('button', { name: 'Log in' }).click()
      await other.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    }
    await logInAs(await visit.server.makeToken('viewer'))
    // A stored backup does not change: it is asked for by nobody but who has not seen it.
    const asked = page.waitForRequest(/\/tables$/)
    await comeBack(page)
    await asked
    await page.getByText(/^viewer, until/).waitFor()
    await other.getByRole('button', { name: 'Log out' }).click()
    await other.getByLabel('API token').waitFor()
    await comeBack(page)
    await expect.poll(async () => page.getByText(/Your session has ended/).count(), PATIENTLY).toBe(1)
    await page.context().close()
  },
)

expectNothingWrong(scene)
