import { expect, test } from 'vitest'
import { isFull, select } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { findCorpus, heldCorpus } from './find-corpus.ts'
import { CORPUS_IMAGES, corpusImages, keptImages, type MalformedImage } from './images.ts'
import { judgeAll } from './judge-all.ts'
import { expectRecorded } from './recorded.ts'

async function expectAsRecorded(what: string, images: readonly MalformedImage[]): Promise<void> {
  const { classes, broken, sound, refused } = await judgeAll(images)
  publish({
    group: 'Malformed databases',
    what,
    count: images.length,
    unit: 'images',
    outcome: `${refused} refused or reported, ${sound} sound to SQLite too, ${broken.length} crashes, hangs or lies`,
  })
  expect(broken).toEqual([])
  expectRecorded('corpus', classes)
}

test('each way in which a malformed database turns out is the recorded one, and none is called sound that SQLite calls damaged', async () => {
  const images = keptImages()
  expect(images.length).toBeGreaterThan(100)
  await expectAsRecorded('SQLite’s corpus, one of each outcome', images)
}, 600_000)

/** Half a minute's worth; `npm run faults` takes all. */
const SELECTED_IMAGES = 1_000

const corpus = isFull ? findCorpus() : heldCorpus()
if ('directory' in corpus) {
  test('the images of SQLite’s whole corpus turn out as recorded', async () => {
    const images = corpusImages(corpus.directory)
    expect(images).toHaveLength(CORPUS_IMAGES)
    const what = isFull ? 'all of it' : 'a selection of all'
    await expectAsRecorded(`SQLite’s corpus, ${what}`, select(images, SELECTED_IMAGES))
  }, 3_600_000)
} else if (process.env['CI'] !== undefined) {
  // There nothing is skipped.
  test('the images of SQLite’s whole corpus turn out as recorded', () => expect.fail(corpus.missing))
} else {
  test.skip(`the images of SQLite’s whole corpus turn out as recorded (skipped: ${corpus.missing})`)
}
