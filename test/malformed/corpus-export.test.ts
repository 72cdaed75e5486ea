/** What an export makes of the images of SQLite's corpus. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isFull, select } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { findCorpus } from './find-corpus.ts'
import { corpusImages, keptImages, type MalformedImage } from './images.ts'
import { ExportJudge, exportClassOf } from './judge-export.ts'
import { expectRecorded } from './recorded.ts'

/** Each export starts a process. */
const SELECTED = 12

/** Nothing about them is broken; returns the class of each. */
async function judgeAll(what: string, images: readonly MalformedImage[]): Promise<Map<string, string>> {
  const directory = mkdtempSync(join(tmpdir(), 'chame-judge-'))
  const classes = new Map<string, string>()
  const broken: string[] = []
  try {
    const judge = new ExportJudge(directory)
    for (const image of images) {
      const judgement = await judge.judge(image)
      broken.push(...judgement.broken.map(problem => `${image.id}: ${problem}`))
      classes.set(image.id, exportClassOf(judgement))
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  expect(broken).toEqual([])
  const counted = Map.groupBy(classes.values(), found => found)
  const outcome = [...counted].map(([found, all]) => `${all.length} ${found}`)
  publish({
    group: 'Malformed databases',
    what,
    count: images.length,
    unit: 'images',
    outcome: `${outcome.toSorted().join('; ')}; 0 crashes, hangs or halves`,
  })
  return classes
}

test('an export of a malformed database ends as recorded: whole, in part and saying so, or not there', async () => {
  const images = select(keptImages(), SELECTED)
  expectRecorded('export', await judgeAll('export of SQLite’s corpus, one of each outcome', images))
}, 3_600_000)

if (isFull) {
  const corpus = findCorpus()
  const title =
    'an export of any image of SQLite’s whole corpus is whole, or in part and says so, or not there'
  if ('directory' in corpus) {
    const images = corpusImages(corpus.directory)
    test(title, () => judgeAll('export of SQLite’s corpus, all of it', images), 12 * 3_600_000)
  } else {
    test.skip(`${title} (skipped: ${corpus.missing})`)
  }
}
