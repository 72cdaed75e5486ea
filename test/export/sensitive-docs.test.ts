import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { REDACTIONS } from '../../src/export/model.ts'
import { SECRET_SHAPES } from '../../src/export/sensitive/shapes.ts'
import {
  FIRST_WORDS_OF_FACTS,
  LAST_WORDS_OF_FACTS,
  SECRET_TABLE_COLUMNS,
  SECRET_TABLE_WORDS,
  SECRETS_ALL_THE_SAME,
  SENSITIVE_WORDS,
  SETTING_KEY_NAMES,
  SETTING_VALUE_NAMES,
} from '../../src/export/sensitive/words.ts'

const page = readFileSync(new URL('../../docs/sensitive-data.md', import.meta.url), 'utf8')

/** The lists of the page, in their order. */
const lists = [...page.matchAll(/^```text\n([^`]*)\n```$/gm)].map(([, text]) =>
  (text ?? '').split(/,\s+/).toSorted(),
)

function words(confidence: 'certain' | 'likely', { isNumeric }: { isNumeric: boolean }): string[] {
  return SENSITIVE_WORDS.filter(
    entry => entry.confidence === confidence && (entry.isNumeric === true) === isNumeric,
  ).map(entry => entry.words)
}

test('docs/sensitive-data.md has the lists of words that are looked for', () => {
  const actual = [
    words('certain', { isNumeric: false }),
    words('certain', { isNumeric: true }),
    words('likely', { isNumeric: false }),
    words('likely', { isNumeric: true }),
    [...FIRST_WORDS_OF_FACTS],
    [...LAST_WORDS_OF_FACTS],
    [...SECRET_TABLE_WORDS],
    [...SECRET_TABLE_COLUMNS],
    [...SETTING_KEY_NAMES],
    [...SETTING_VALUE_NAMES],
  ]
  expect(lists).toEqual(actual.map(list => list.toSorted()))
  for (const name of SECRETS_ALL_THE_SAME) expect(page).toContain(`\`${name.replaceAll(' ', '_')}\``)
})

test('docs/sensitive-data.md names every shape that is known, and every way', () => {
  for (const { name } of SECRET_SHAPES) expect(page).toContain(`- ${name}\n`)
  for (const way of REDACTIONS) expect(page).toMatch(new RegExp(`^\\| \`${way}\` +\\|`, 'm'))
})
