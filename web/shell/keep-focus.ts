/** What may have the focus in place of something in it that is gone. */
const PLACES = 'main, section, [tabindex="-1"]'

/**
 * Where what has the focus is taken away, as a row that is deleted or a step that is done, the focus goes to what that was in:
 * who works by keyboard, or hears the page, goes on from there, and not from the beginning of the page.
 *
 * @returns how to stop
 */
export function keepFocus(main: HTMLElement): () => void {
  let last: readonly Element[] = []
  const note = ({ target }: FocusEvent): void => {
    last = target instanceof Element ? [target, ...ancestorsOf(target, main)] : []
  }
  const observer = new MutationObserver(() => {
    const [focused] = last
    if (focused === undefined || focused.isConnected || document.activeElement !== document.body) return
    const place = last.find(each => each.isConnected && each.matches(PLACES))
    if (!(place instanceof HTMLElement)) return
    if (!place.hasAttribute('tabindex')) place.tabIndex = -1
    place.focus({ preventScroll: true })
  })
  main.addEventListener('focusin', note)
  observer.observe(main, { childList: true, subtree: true })
  return () => {
    main.removeEventListener('focusin', note)
    observer.disconnect()
  }
}

/** The nearest first, `main` last. */
function ancestorsOf(element: Element, main: Element): readonly Element[] {
  const parent = element === main ? null : element.parentElement
  return parent === null ? [] : [parent, ...ancestorsOf(parent, main)]
}
