/** The recorded class of every image, reviewed when it changes. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Classes, parseClasses, printClasses } from './classes.ts'

/** Whether classes that differ are written instead of failing the test. */
const isUpdate = process.env['UPDATE_CLASSES'] === '1'
/** Enough differences to see what they have in common. */
const SHOWN_MAX = 40

/**
 * Fails unless every image of `found` has the class that is recorded for it. With `UPDATE_CLASSES=1` the
 * record becomes what was found, and images that were not looked at keep their class.
 */
export function expectRecorded(name: string, found: Classes): void {
  const path = join(import.meta.dirname, `recorded-${name}.txt`)
  const recorded = existsSync(path) ? parseClasses(readFileSync(path, 'utf8')) : new Map<string, string>()
  if (isUpdate) return writeFileSync(path, printClasses(new Map([...recorded, ...found])))
  const differences = [...found].flatMap(([id, now]) => {
    const before = recorded.get(id) ?? 'nothing'
    return before === now ? [] : [`${id}\n  recorded: ${before}\n  now:      ${now}`]
  })
  const hint =
    'If the new classes are right: UPDATE_CLASSES=1 npx vitest run test/malformed, and review the diff.'
  expect(differences.slice(0, SHOWN_MAX).join('\n'), `${differences.length} classes differ. ${hint}`).toBe('')
}
