/**
 * Chooses the images of SQLite's corpus that are kept in the repository, and records the class of every one:
 * the smallest of each way in which they turn out. Run it when the corpus or the classes have changed:
 *
 *     FAULT_CORPUS=<sqlite source>/test node test/malformed/keep-corpus.ts
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findCorpus } from './find-corpus.ts'
import { corpusImages, keepImages, type MalformedImage } from './images.ts'
import { classOf, Judge, type Judgement } from './judge.ts'
import { printClasses } from './classes.ts'

const corpus = findCorpus()
if ('missing' in corpus) throw new Error(corpus.missing)
const directory = mkdtempSync(join(tmpdir(), 'chame-judge-'))
const judge = new Judge(directory)
const classes = new Map<string, string>()
const smallest = new Map<string, MalformedImage>()
for (const image of corpusImages(corpus.directory)) {
  const judgement = await judge.judge(image)
  classes.set(image.id, classOf(judgement))
  const outcome = outcomeOf(image, judgement)
  const kept = smallest.get(outcome)
  if (kept === undefined || image.bytes.length < kept.bytes.length) smallest.set(outcome, image)
}
writeFileSync(join(import.meta.dirname, 'recorded-corpus.txt'), printClasses(classes))
keepImages([...smallest.values()])
console.log(`${classes.size} images, ${smallest.size} kept`)
rmSync(directory, { recursive: true })
process.exit()

/** The class, and in what words SQLite put it, without the numbers and names that are this image's own. */
function outcomeOf({ bytes }: MalformedImage, judgement: Judgement): string {
  const { none, verified } = judgement
  const said = [
    none.success ? '' : none.message,
    verified.full.success ? (verified.full.problems[0]?.message ?? '') : verified.full.message,
  ].map(text =>
    text
      .replaceAll(directory, '')
      .replaceAll(/\d+|\([^)]*\)|"[^"]*"/g, '#')
      .replaceAll(/\w+_\w+/g, '_'),
  )
  const form = bytes.length < 100 ? 'short' : `${bytes[19]} ${bytes.readUInt16BE(16)}`
  return [classOf(judgement), ...said, form].join('\n')
}
