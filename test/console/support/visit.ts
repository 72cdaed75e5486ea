/** One server and one browser for all tests of a file. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { launchChromium } from './chromium.ts'
import type { ConsoleServer } from './console-server.ts'
import { Watch } from './watched-page.ts'

const DESKTOP = { width: 1280, height: 900 }

/** A server, a browser, and what must never happen between them. */
export class Visit implements AsyncDisposable {
  readonly server: ConsoleServer
  readonly browser: Browser
  readonly watch: Watch = new Watch()

  private constructor(server: ConsoleServer, browser: Browser) {
    this.server = server
    this.browser = browser
  }

  static async begin(server: ConsoleServer): Promise<Visit> {
    return new Visit(server, await launchChromium())
  }

  /** A browser without a session, as another person has it. */
  async stranger(): Promise<BrowserContext> {
    const context = await this.browser.newContext({
      viewport: DESKTOP,
      acceptDownloads: true,
      // A colour on its way to another one is none to judge.
      reducedMotion: 'reduce',
    })
    context.setDefaultTimeout(60_000)
    await this.watch.over(context, new URL(this.server.url).origin)
    return context
  }

  /** A page of somebody who has logged in with this token. */
  async logIn(token: string): Promise<Page> {
    const page = await (await this.stranger()).newPage()
    await page.goto(this.server.url)
    await page.getByLabel('API token').fill(token)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    return page
  }

  /** Goes to an address of the console, such as `#/db/shop/backups`. */
  async goTo(page: Page, address: string, heading: string | RegExp): Promise<void> {
    await page.goto(new URL(address, this.server.url).href)
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close()
    await this.server[Symbol.asyncDispose]()
  }
}
