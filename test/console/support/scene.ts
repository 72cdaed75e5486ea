/** What every file of tests has: one server, one browser, and an admin who came by the link of the first start. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect } from 'vitest'
import { testWith } from '../../support/requirements.ts'
import { provideChromium } from './chromium.ts'
import { type ConsoleForm, startConsole } from './console-server.ts'
import { newestDaily, prepareShop } from './prepared-shop.ts'
import { Visit } from './visit.ts'

const hasChromium = provideChromium()

/** A page takes axe half a second on a quiet machine, and ten times that on one with much else to do. */
const TIMEOUT_MS = 300_000

export function browserTest(title: string, body: () => Promise<void>): void {
  testWith(['chromium'], title, body, TIMEOUT_MS)
}

/** For the tests of one file, one after another. */
export interface Scene {
  readonly visit: Visit
  /** Has not logged in where the scene is opened with `isLoggedIn: false`. */
  readonly admin: Page
  /** File name of yesterday's backup, before a day of business. */
  readonly yesterday: string
}

/** Opens it before the tests of the file, and closes it after them. */
export function openScene({
  isLoggedIn = true,
  ...form
}: Partial<ConsoleForm> & { readonly isLoggedIn?: boolean } = {}): Scene {
  let opened: Scene | null = null
  beforeAll(async () => {
    // Skipped then, visibly; in CI it fails.
    if (!hasChromium && process.env['CI'] === undefined) return
    const server = await startConsole({ prepare: prepareShop, ...form })
    const visit = await Visit.begin(server)
    const admin = await (await visit.stranger()).newPage()
    opened = { visit, admin, yesterday: newestDaily(server.directory) }
    if (!isLoggedIn) return
    await admin.goto(server.logInLink)
    await admin.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  })
  afterAll(async () => {
    await opened?.visit[Symbol.asyncDispose]()
  })
  const scene = (): Scene => {
    if (opened === null) throw new Error('the scene is open within tests only')
    return opened
  }
  return {
    get visit() {
      return scene().visit
    },
    get admin() {
      return scene().admin
    },
    get yesterday() {
      return scene().yesterday
    },
  }
}

/** The last test of a file. */
export function expectNothingWrong(scene: Scene): void {
  browserTest(
    'in all of this nothing violated the content security policy, asked another host, or failed',
    async () => {
      const { violations, otherHosts, dialogs, errors } = scene.visit.watch
      expect({ violations, otherHosts, dialogs, errors }).toEqual({
        violations: [],
        otherHosts: [],
        dialogs: [],
        errors: [],
      })
    },
  )
}
