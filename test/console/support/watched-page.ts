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
      // Whether to leave is asked by the browser alone, and of what a test does not want to lose: it stays.
      if (dialog.type() !== 'beforeunload') this.dialogs.push(dialog.message())
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

/** Those of axe's rules that look at colours. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block']

/** Expects that axe finds nothing serious in the colours of now, and that nothing stands out at the side. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  // One page is enough for what has no frames.
  const axe = new AxeBuilder({ page }).setLegacyMode(true)
  expect(await seriousOf(axe.withTags(STANDARDS)), `axe on ${where}`).toEqual([])
  const overhang = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  expect(overhang, `pixels beyond the side of ${where}`).toBeLessThanOrEqual(0)
}

/** The same, in the colours that are not shown now as well: what is no matter of colours is the same there. */
export async function expectAccessibleInBoth(page: Page, where: string): Promise<void> {
  await expectAccessible(page, where)
  const isDark = await page.evaluate(() => window.matchMedia('(prefers-color-scheme: dark)').matches)
  await page.emulateMedia({ colorScheme: isDark ? 'light' : 'dark', reducedMotion: 'reduce' })
  const axe = new AxeBuilder({ page }).setLegacyMode(true)
  expect(await seriousOf(axe.withRules(OF_COLOURS)), `axe on ${where}, in the other colours`).toEqual([])
  await page.emulateMedia({ colorScheme: isDark ? 'dark' : 'light', reducedMotion: 'reduce' })
}

async function seriousOf(axe: AxeBuilder): Promise<readonly string[]> {
  const { violations } = await axe.analyze()
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`,
    )
}
