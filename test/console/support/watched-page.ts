/** Pages of the console on which nothing may happen that must never happen. */
import { AxeBuilder } from '@axe-core/playwright'
import type { BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'

declare global {
  interface Window {
    readonly noteViolation: (text: string) => void
    /** Labels of progress that was shown, however briefly. */
    readonly seenProgress: Set<string>
  }
}

/** What went wrong on any page: violations of the content security policy, other hosts, dialogs, errors. */
export class Watch {
  readonly violations: string[] = []
  readonly otherHosts: string[] = []
  readonly dialogs: string[] = []
  readonly errors: string[] = []

  /** Watches all pages of a context, those that are opened later too. */
  async over(context: BrowserContext, origin: string): Promise<void> {
    await context.exposeFunction('noteViolation', (text: string) => this.violations.push(text))
    await context.addInitScript(noteInPage)
    context.on('request', request => {
      const url = new URL(request.url())
      if (url.protocol.startsWith('http') && url.origin !== origin) this.otherHosts.push(request.url())
    })
    context.on('dialog', dialog => {
      this.dialogs.push(dialog.message())
      void dialog.dismiss()
    })
    context.on('weberror', error => this.errors.push(String(error.error())))
  }
}

/** Runs in the page, before the console does. */
function noteInPage(): void {
  document.addEventListener('securitypolicyviolation', event => {
    window.noteViolation(
      `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ''}:${event.lineNumber}`,
    )
  })
  const seen = new Set<string>()
  Object.assign(window, { seenProgress: seen })
  new MutationObserver(() => {
    for (const bar of document.querySelectorAll('[role=progressbar]')) seen.add(bar.textContent ?? '')
  }).observe(document, { childList: true, subtree: true, characterData: true })
}

/** WCAG 2.2, levels A and AA. */
const STANDARDS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** Expects that axe finds nothing serious, and that nothing stands out at the side. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  // One page is enough for what has no frames.
  const { violations } = await new AxeBuilder({ page }).withTags(STANDARDS).setLegacyMode(true).analyze()
  const serious = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`,
    )
  expect(serious, `axe on ${where}`).toEqual([])
  const overhang = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  expect(overhang, `pixels beyond the side of ${where}`).toBeLessThanOrEqual(0)
}
