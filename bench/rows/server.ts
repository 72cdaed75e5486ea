/** What 10,000 backups cost the server: their list, the first time and once it knows them, and the console's first page. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { launchChromium } from '../../test/console/support/chromium.ts'
import { placeManyBackups } from '../../test/support/many-backups.ts'
import type { BenchContext } from '../bench-context.ts'
import { isInstalled } from '../command.ts'
import { makeDatabase } from '../make-database.ts'
import { median } from '../measure.ts'
import { atMost, type Group } from '../table.ts'

const BACKUPS = 10_000
const WARM_RUNS_FACTOR = 10

export async function server(context: BenchContext): Promise<Group> {
  const { cli } = context
  const group = {
    id: 'server',
    title: `chame-backup serve with ${BACKUPS} backups`,
    unit: 'ms',
    baseline: null,
  } as const
  if (cli === null) return { ...group, rows: [], notes: ['This build has no command line program: skipped.'] }
  const directory = context.path('server')
  mkdirSync(directory)
  const path = join(directory, 'shop.db')
  makeDatabase(path, 1 << 20, context)
  placeManyBackups(join(directory, 'backups'), BACKUPS)
  const admin = new context.product.Administration({ path, backupDir: join(directory, 'backups') })
  const made = await admin.createToken({ name: 'bench', role: 'viewer' })
  if (!made.success) throw new Error(made.message)
  const cold: number[] = []
  const warm: number[] = []
  const page: number[] = []
  const browser = isInstalled('chromium', '--version') ? await launchChromium() : null
  for (let i = 0; i < context.options.runs; i++) {
    const { child, url } = await start(cli, directory)
    const list = `${url}/api/v1/databases/shop/backups?limit=50`
    // The rest of what a first request loads is not what is measured.
    await timed(`${url}/api/v1/settings`, made.secret)
    cold.push(await timed(list, made.secret))
    for (let j = 0; j < WARM_RUNS_FACTOR; j++) warm.push(await timed(list, made.secret))
    if (browser !== null) page.push(await firstPage(browser, url, made.secret))
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  await browser?.close()
  return {
    ...group,
    rows: [
      {
        name: 'the first page of the list, cold',
        samples: cold,
        goals: [atMost(500, median(cold), '', 'ms')],
      },
      {
        name: 'the first page of the list, warm',
        samples: warm,
        goals: [atMost(50, median(warm), '', 'ms')],
      },
      ...(browser === null
        ? []
        : [
            {
              name: "the console's first page, from its address to its verdict",
              samples: page,
              goals: [atMost(1000, median(page), '', 'ms')],
            },
          ]),
    ],
    notes: [
      'The server reads its catalog as it starts; cold is the first request right after that has begun.',
      browser === null
        ? "chromium is not installed: the row of the console's first page was skipped."
        : 'The page is opened in Chromium, logged in, with nothing in its cache but what logging in has loaded.',
    ],
  }
}

async function start(cli: string, cwd: string): Promise<{ child: ChildProcess; url: string }> {
  const words = [cli, 'serve', '--port', '0', '--path', 'shop.db', '--log-level', 'error']
  const child = spawn(process.execPath, words, { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    output += text
    const [, url] = /Listening on (\S+)\n/.exec(output) ?? []
    if (url !== undefined) return { child, url }
  }
  throw new Error(`the server has not started: ${output}`)
}

async function firstPage(browser: Browser, url: string, secret: string): Promise<number> {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(url)
  await page.getByLabel('API token').fill(secret)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  await page.close()
  const again = await context.newPage()
  const started = performance.now()
  await again.goto(url)
  await again
    .getByRole('main')
    .getByText(/^\W*(?:Protected|At risk|Failing)$/)
    .first()
    .waitFor()
  const elapsed = performance.now() - started
  await context.close()
  return elapsed
}

async function timed(url: string, secret: string): Promise<number> {
  const started = performance.now()
  const answer = await fetch(url, { headers: { authorization: `Bearer ${secret}` } })
  await answer.text()
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
  return performance.now() - started
}
