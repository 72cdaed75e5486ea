/** Somebody without a pointer, who has to see where he is. */
import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'

/** More than any page of the shop has to stop at. */
const STOPS_MAX = 120
/** How long something may take to come about. */
export const PATIENTLY = { timeout: 60_000 } as const
/** More than any dialog has. */
const ROUND = 7

export class Keyboard {
  readonly #page: Page

  constructor(page: Page) {
    this.#page = page
  }

  /** Goes on by Tab until `wanted` has the focus. Whatever has it on the way can be seen to have it. */
  async to(wanted: Locator): Promise<void> {
    await this.#go(wanted, 'Tab')
  }

  /** The same backwards. */
  async backTo(wanted: Locator): Promise<void> {
    await this.#go(wanted, 'Shift+Tab')
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#page.keyboard.press(key)
  }

  /** Types over what is in the field that has the focus. */
  async fill(text: string): Promise<void> {
    await this.press('ControlOrMeta+a')
    await this.#page.keyboard.type(text)
  }

  /** Goes to it and presses Enter. */
  async use(wanted: Locator): Promise<void> {
    await this.to(wanted)
    await this.press('Enter')
  }

  /** Expects that Tab goes around in a dialog, and never out of it. */
  async expectKeptIn(dialog: Locator): Promise<void> {
    for (const key of ['Tab', 'Shift+Tab']) {
      for (let stops = 0; stops < ROUND; stops++) {
        await this.press(key)
        await this.expectIn(dialog)
      }
    }
  }

  /** Expects that the focus is, or comes back, where it was left. */
  async expectAt(wanted: Locator): Promise<void> {
    await expect.poll(async () => hasFocus(wanted), PATIENTLY).toBe(true)
  }

  /** Expects that the focus is somewhere in `place`, and so not lost. */
  async expectIn(place: Locator): Promise<void> {
    await expect
      .poll(async () => place.evaluate(element => element.contains(document.activeElement)), PATIENTLY)
      .toBe(true)
  }

  async #go(wanted: Locator, key: 'Tab' | 'Shift+Tab'): Promise<void> {
    await wanted.waitFor()
    for (let stops = 0; stops < STOPS_MAX; stops++) {
      if (await hasFocus(wanted)) return
      await this.press(key)
      // Where a dialog ends, what sends the focus round does so with the next frame.
      await this.#page.waitForFunction(isNoGuard)
      const stop = await this.#page.evaluate(describeFocus)
      if (stop !== null) expect(stop, 'what has the focus').toMatchObject({ isOutlined: true, isSeen: true })
    }
    throw new Error(`${key} does not come to ${String(wanted)}`)
  }
}

async function hasFocus(wanted: Locator): Promise<boolean> {
  return wanted.evaluate(element => element === document.activeElement)
}

/** Runs in the page. */
function isNoGuard(): boolean {
  return document.activeElement?.hasAttribute('data-base-ui-focus-guard') !== true
}

/** Runs in the page. Null where the focus is with the browser itself. */
function describeFocus(): { name: string; isOutlined: boolean; isSeen: boolean } | null {
  const element = document.activeElement
  if (element === null || element === document.body) return null
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  const { left, right, top, bottom } = element.getBoundingClientRect()
  const [first, last] = [Math.max(left, 0), Math.min(right, window.innerWidth)]
  const [highest, lowest] = [Math.max(top, 0), Math.min(bottom, window.innerHeight)]
  // Not wholly behind something else, as WCAG 2.4.11 has it.
  const isSeen = [0.1, 0.5, 0.9].some(share => {
    const at = document.elementFromPoint(first + (last - first) * share, highest + (lowest - highest) * share)
    return at !== null && (element.contains(at) || at.contains(element))
  })
  return {
    name: `${element.outerHTML.slice(0, 200)} (${Math.round(left)}, ${Math.round(top)})`,
    isOutlined: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2,
    isSeen: first < last && highest < lowest && isSeen,
  }
}
