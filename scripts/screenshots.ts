/**
 * Makes docs/images/*.png: the console as it is, in Debian's Chromium, with a shop that has a year of backups.
 * Run it as `npm run screenshots`, which builds first.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import { Database } from '../src/index.ts'
import { launchChromium, provideChromium } from '../test/console/support/chromium.ts'
import { type Place, startConsole } from '../test/console/support/console-server.ts'
import { backUpAt } from '../test/console/support/history.ts'
import { A_DAY_OF_BUSINESS, buildShop } from '../test/console/support/shop.ts'

const IMAGES = fileURLToPath(new URL('../docs/images', import.meta.url))
const SCHEDULER = fileURLToPath(new URL('../dist/scheduler/main.js', import.meta.url))
const DAY_MS = 86_400_000
const WEEKS = 50
const DAYS = 21
const DESKTOP = { width: 1280, height: 860 }
const PHONE = { width: 360, height: 740 }

if (!provideChromium()) throw new Error('There is no chromium: apt-get install chromium')
mkdirSync(IMAGES, { recursive: true })
/** Runs from the year's end on, as it does where the console is used. */
let scheduler: ChildProcess | null = null
await using server = await startConsole({ prepare: makeYear })
const browser = await launchChromium()
try {
  const token = await server.makeToken('admin')
  const backups = join(server.directory, 'backups', 'daily')
  const older = readdirSync(backups).toSorted().at(-3) ?? ''
  const light = await logIn(await browser.newContext({ viewport: DESKTOP, colorScheme: 'light' }), token)
  await shoot(light, '#/', 'Storage by type', 'overview-light')
  await shoot(light, '#/db/shop/backups', 'by scheduler', 'backups')
  await shoot(light, `#/db/shop/compare?left=${older}&right=live`, 'products', 'compare', showRows)
  await shoot(light, `#/db/shop/restore/${older}`, 'products', 'restore')
  const dark = await logIn(await browser.newContext({ viewport: DESKTOP, colorScheme: 'dark' }), token)
  await shoot(dark, '#/', 'Storage by type', 'overview-dark')
  const phone = await logIn(await browser.newContext({ viewport: PHONE, colorScheme: 'light' }), token)
  await shoot(phone, '#/', 'Size over time', 'phone')
} finally {
  await browser.close()
  if (scheduler !== null) await stop(scheduler)
}

async function logIn(context: BrowserContext, token: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(server.url)
  await page.getByLabel('API token').fill(token)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  return page
}

/** @param ready text that is there once the page has what it shows */
async function shoot(
  page: Page,
  address: string,
  ready: string,
  name: string,
  prepare: (page: Page) => Promise<void> = async () => {},
): Promise<void> {
  await page.goto(new URL(address, server.url).href)
  await page.getByRole('main').getByText(ready).first().waitFor()
  await prepare(page)
  await page.mouse.move(0, 0)
  await page.waitForLoadState('networkidle')
  // The chart's own program, on a machine that is busy.
  await page.waitForFunction(() => !document.body.innerText.includes('Loading '))
  await page.screenshot({ path: join(IMAGES, `${name}.png`), animations: 'disabled' })
}

async function showRows(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Rows of products' }).click()
  await page.locator('ins').first().waitFor()
}

async function makeYear({ directory, shop, notes }: Place): Promise<void> {
  const backupDir = join(directory, 'backups')
  buildShop(shop, 300)
  buildShop(notes, 40)
  const midnight = new Date().setUTCHours(0, 0, 0, 0)
  const growing = new DatabaseSync(shop)
  const grow = growing.prepare(
    "INSERT INTO orders (customer_id, total_cents, status, placed_at) SELECT id, 990, 'paid', '2026-01-01' FROM customers LIMIT ?",
  )
  for (let day = WEEKS * 7; day >= 1; day--) {
    const isWeekly = day % 7 === 0
    // A night on which the machine was off.
    const isDaily = day <= DAYS && day !== 11
    if (!isWeekly && !isDaily) continue
    grow.run(isWeekly ? 60 + (day % 50) : 30)
    const at = (hour: number): Date => new Date(midnight - day * DAY_MS + hour * 3_600_000)
    if (isDaily) {
      await backUpAt(shop, { backupDir, type: 'daily', at: at(2) })
      await backUpAt(notes, { backupDir, type: 'daily', at: at(2.1) })
    }
    if (isWeekly) await backUpAt(shop, { backupDir, type: 'weekly', at: at(3) })
  }
  growing.exec(A_DAY_OF_BUSINESS)
  growing.close()
  await new Database({ path: shop, backupDir, engine: 'here' }).drillBackup()
  scheduler = await startScheduler(directory, backupDir)
}

/** Resolves once it has made up for what was missed, and so said what comes next. */
async function startScheduler(directory: string, backupDir: string): Promise<ChildProcess> {
  const config = join(directory, 'chame-backup.config.json')
  const started = spawn(process.execPath, [SCHEDULER, '--config', config], {
    cwd: directory,
    stdio: 'ignore',
  })
  const today = new Date().toISOString().slice(0, 'YYYY-MM-DD'.length).replaceAll('-', '')
  const isDone = (): boolean =>
    existsSync(join(backupDir, 'daily')) &&
    readdirSync(join(backupDir, 'daily')).filter(name => name.includes(`daily_${today}`)).length >= 2
  for (let waited = 0; !isDone() && waited < 300; waited++) await sleep(200)
  return started
}

async function stop(running: ChildProcess): Promise<void> {
  if (running.exitCode !== null) return
  running.kill('SIGTERM')
  await once(running, 'exit')
}
