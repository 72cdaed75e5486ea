/** What can be changed in the console, and how it says that something cannot. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Locator } from 'playwright-core'
import { expect } from 'vitest'
import { startConsole } from './support/console-server.ts'
import { PATIENTLY } from './support/keyboard.ts'
import { prepareShop } from './support/prepared-shop.ts'
import { browserTest, expectNothingWrong, openScene } from './support/scene.ts'
import { checkTarget } from './support/target.ts'
import { Visit } from './support/visit.ts'
import { expectAccessibleInBoth } from './support/watched-page.ts'

const scene = openScene({
  config: {
    targets: { disk: { kind: 'local', path: 'elsewhere' } },
    schedule: { jobs: { copies: { kind: 'sync', cron: '30 * * * *' } } },
  },
})

interface Written {
  readonly timeZone: string
  readonly databases: { readonly shop: { readonly retention?: object } }
  readonly schedule: { readonly jobs?: Readonly<Record<string, unknown>> }
}

function configuration(): Written {
  return JSON.parse(readFileSync(scene.visit.server.config, 'utf8')) as Written
}

/** As somebody does who has the file open in an editor. */
function saveInEditor(change: (written: Written) => object): void {
  const beside = `${scene.visit.server.config}~`
  writeFileSync(beside, JSON.stringify(change(configuration()), null, 2))
  renameSync(beside, scene.visit.server.config)
}

/** Expects that a field says itself what is wrong with it. */
async function expectRefused(field: Locator, message: RegExp): Promise<void> {
  await field.and(field.page().locator('[aria-invalid=true]')).waitFor()
  const describing = (await field.getAttribute('aria-describedby'))?.split(' ') ?? []
  const texts = describing.map(async id => field.page().locator(`[id="${id}"]`).innerText())
  expect((await Promise.all(texts)).join('\n')).toMatch(message)
}

browserTest('a job of the schedule is changed and run, and a wrong time is said at its field', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/schedule', 'Schedule')
  await admin.getByRole('button', { name: 'Edit daily' }).click()
  const dialog = admin.getByRole('dialog')
  await dialog.getByLabel('When').fill('61 * * * *')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expectRefused(dialog.getByLabel('When'), /no cron expression/)
  expect(await dialog.getByRole('alert').count()).toBe(0)
  await expectAccessibleInBoth(admin, 'a job that is refused')
  await dialog.getByLabel('When').fill('15 1 * * *')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await admin.getByRole('row', { name: /daily.*15 1 \* \* \*/ }).waitFor()
  await admin.getByRole('button', { name: 'Run daily now' }).click()
  await dialog.getByRole('button', { name: 'Run' }).click()
  await dialog.getByText('succeeded').first().waitFor()
  await expectAccessibleInBoth(admin, 'a job that has run')
  await dialog.getByRole('button', { name: 'Close' }).last().click()
})

browserTest('jobs are added, turned off and on again, and each stays of its kind', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/schedule', 'Schedule')
  const dialog = admin.getByRole('dialog', { name: /^(Edit|Add) / })
  await admin.getByRole('button', { name: 'Add a job' }).click()
  await dialog.getByLabel('Name').fill('daily')
  await expectRefused(dialog.getByLabel('Name'), /of this name already/)
  await dialog.getByLabel('Name').fill('noon')
  await dialog.getByLabel('Of type').selectOption('manual')
  await dialog.getByLabel('When').fill('0 12 * * *')
  await expectAccessibleInBoth(admin, 'the dialog of a new job')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await admin.getByRole('row', { name: /^noon backup 0 12 \* \* \*/ }).waitFor()
  await admin.getByRole('button', { name: 'Edit copies' }).click()
  await dialog.getByLabel('When').fill('45 * * * *')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await admin.getByRole('row', { name: /^copies sync 45 \* \* \* \*/ }).waitFor()
  await admin.getByRole('button', { name: 'Edit weekly' }).click()
  await dialog.getByRole('button', { name: 'Turn off' }).click()
  await admin.getByText('weekly is turned off.').waitFor()
  expect(configuration().schedule.jobs).toMatchObject({
    noon: { kind: 'backup', type: 'manual', cron: '0 12 * * *' },
    copies: { kind: 'sync', cron: '45 * * * *' },
    weekly: false,
  })
  await admin.getByRole('button', { name: 'Turn weekly on' }).click()
  await admin.getByRole('row', { name: /^weekly/ }).waitFor()
  await admin.getByRole('button', { name: 'Edit noon' }).click()
  await dialog.getByRole('button', { name: 'Remove' }).click()
  // What is behind it is not there for roles meanwhile.
  await dialog.waitFor({ state: 'detached' })
  await admin.getByRole('row', { name: /^noon/ }).waitFor({ state: 'detached' })
  expect(Object.keys(configuration().schedule.jobs ?? {}).toSorted()).toEqual(['copies', 'daily'])
})

browserTest('a schedule that somebody else has changed meanwhile is not overwritten', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/schedule', 'Schedule')
  await admin.getByRole('button', { name: 'Edit daily' }).click()
  const dialog = admin.getByRole('dialog', { name: /^(Edit|Add) / })
  await dialog.getByLabel('When').fill('20 1 * * *')
  saveInEditor(written => ({ ...written, schedule: { jobs: { drill: { cron: '5 5 * * *' } } } }))
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByRole('alert').getByText('CATALOG_LOCKED').waitFor()
  await expectAccessibleInBoth(admin, 'a schedule that was changed meanwhile')
  await dialog.getByRole('button', { name: 'Show what it says now' }).click()
  await admin.getByRole('row', { name: /^drill drill 5 5 \* \* \*/ }).waitFor()
  expect(configuration().schedule).toEqual({ jobs: { drill: { cron: '5 5 * * *' } } })
})

browserTest('what is wrong with a policy is said at the field, and nothing is saved', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/db/shop/retention', 'Retention')
  const now = admin.getByRole('region', { name: 'Now', exact: true })
  await now.getByText(/backups kept/).waitFor()
  for (const [label, wrong, message] of [
    ['Within of daily', 'a while', /expected a span/],
    ['Max size of daily', 'large', /expected a size/],
    ['Newest of daily', '-1', /no less than 0/],
    ['Newest of daily', '1.5', /whole number/],
  ] as const) {
    const field = admin.getByLabel(label, { exact: true })
    const before = await field.inputValue()
    await field.fill(wrong)
    await expectRefused(field, message)
    await now.getByText('The policy is not valid').waitFor()
    expect(await admin.getByRole('button', { name: 'Save policy' }).isDisabled()).toBe(true)
    await field.fill(before)
    await now.getByText(/backups kept/).waitFor()
  }
  // A rule that keeps nothing is no field's fault.
  for (const label of ['Newest of weekly', 'Weekly of weekly']) await admin.getByLabel(label).fill('')
  await now
    .getByRole('alert')
    .getByText(/keeps nothing/)
    .waitFor()
  await expectAccessibleInBoth(admin, 'a policy that keeps nothing')
  await admin.getByRole('button', { name: 'Discard changes' }).click()
  expect(configuration().databases.shop.retention).toBeUndefined()
})

browserTest('a policy that somebody else has changed meanwhile is not overwritten', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/db/shop/retention', 'Retention')
  const newest = admin.getByLabel('Newest of daily')
  await newest.fill('5')
  const theirs = { types: { daily: { keepLast: 30 } } }
  saveInEditor(written => ({
    ...written,
    databases: { ...written.databases, shop: { ...written.databases.shop, retention: theirs } },
  }))
  await admin.getByRole('button', { name: 'Save policy' }).click()
  const alert = admin.getByRole('alert')
  await alert.getByText('CATALOG_LOCKED').waitFor()
  await alert.getByRole('button', { name: 'Show what it says now' }).click()
  await expect.poll(async () => newest.inputValue(), PATIENTLY).toBe('30')
  expect(configuration().databases.shop.retention).toEqual(theirs)
})

browserTest('a configuration that was spoilt in an editor is said to be so, with what to do', async () => {
  const { visit, admin } = scene
  const before = readFileSync(visit.server.config, 'utf8')
  await visit.goTo(admin, '#/schedule', 'Schedule')
  await admin.getByRole('button', { name: 'Edit daily' }).click()
  writeFileSync(visit.server.config, '{ "schedule": ')
  const dialog = admin.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Save' }).click()
  const alert = dialog.getByRole('alert')
  await alert.getByText('CONFIG_INVALID').waitFor()
  expect(await alert.innerText()).toContain(visit.server.config)
  expect(readFileSync(visit.server.config, 'utf8')).toBe('{ "schedule": ')
  writeFileSync(visit.server.config, before)
  await dialog.getByRole('button', { name: 'Save' }).click()
  // It is another file by now.
  await alert.getByText('CATALOG_LOCKED').waitFor()
  await dialog.getByRole('button', { name: 'Close', exact: true }).click()
})

browserTest('a target is checked, and what it does is shown', async () =>
  checkTarget(scene.visit, scene.admin),
)

browserTest('tokens are made, shown once and revoked', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/settings', 'Settings')
  await admin.getByRole('button', { name: 'New token' }).click()
  const dialog = admin.getByRole('dialog')
  await dialog.getByLabel('Name').fill('<i>monitoring</i>')
  await dialog.getByRole('button', { name: 'Make the token' }).click()
  const secret = await dialog.locator('code').innerText()
  expect(secret.length).toBeGreaterThan(40)
  await dialog.getByRole('button', { name: 'Done' }).click()
  const row = admin.getByRole('row', { name: /<i>monitoring<\/i> viewer/ })
  await row.waitFor()
  await dialog.locator('code').waitFor({ state: 'detached' })
  expect(await admin.content()).not.toContain(secret)
  await row.getByRole('button', { name: /Revoke/ }).click()
  await expectAccessibleInBoth(admin, 'the question before a token is revoked')
  await admin.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click()
  await row.waitFor({ state: 'detached' })
})

browserTest('a channel is tested, and one that hears nothing says why', async () => {
  const { visit, admin } = scene
  await visit.goTo(admin, '#/settings', 'Settings')
  const before = visit.server.notified
  await admin.getByRole('button', { name: 'Send a test to ops' }).click()
  await admin.getByRole('row', { name: /^ops/ }).getByText('sent').waitFor()
  expect(visit.server.notified).toBe(before + 1)
  await admin.getByRole('button', { name: 'Send a test to deaf' }).click()
  const deaf = admin.getByRole('row', { name: /^deaf/ })
  await deaf.getByText('failed', { exact: true }).waitFor()
  await deaf.getByText(/403/).waitFor()
  await expectAccessibleInBoth(admin, 'a channel that hears nothing')
})

browserTest(
  'a configuration that is a program is not edited here, and the pages say where it is',
  async () => {
    await using visit = await Visit.begin(await startConsole({ prepare: prepareShop, isCode: true }))
    const page = await (await visit.stranger()).newPage()
    await page.goto(visit.server.logInLink)
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    const why = page.getByText(`The configuration is code: ${visit.server.config}. Edit it yourself.`)
    await visit.goTo(page, '#/schedule', 'Schedule')
    await why.waitFor()
    expect(await page.getByRole('button', { name: /^Edit|^Add a job/ }).count()).toBe(0)
    await visit.goTo(page, '#/settings', 'Settings')
    await why.waitFor()
    await visit.goTo(page, '#/db/shop/retention', 'Retention')
    await why.waitFor()
    await page.getByLabel('Newest of daily').fill('2')
    await page
      .getByRole('region', { name: 'Now', exact: true })
      .getByText(/backups kept/)
      .waitFor()
    expect(await page.getByRole('button', { name: 'Save policy' }).isDisabled()).toBe(true)
    await expectAccessibleInBoth(page, 'a policy that cannot be saved')
  },
)

expectNothingWrong(scene)
