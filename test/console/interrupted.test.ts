/** What the console shows where something does not come to its end as it should. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { PATIENTLY } from './support/keyboard.ts'
import { browserTest, expectNothingWrong, openScene } from './support/scene.ts'

const scene = openScene({ isLoggedIn: false })

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
