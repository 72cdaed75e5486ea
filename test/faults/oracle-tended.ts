/** The oracle's look at operations on backups that are stored already: none is lost, and none is there twice in the end. */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { BACKED_UP, NOW, type Scene } from '../restore/scene.ts'
import { type Before, changedContent, type Findings } from './oracle-before.ts'
import { IMAGE, marksIn, METADATA, problemsUnless, publishedIn, type Stored } from './oracle-stored.ts'

/** The newest image, and what describes it, stay as they are. The others go as a whole; what is half gone says so. */
export function examineCleanup(scene: Scene, before: Before, stored: Stored, answer: string): Findings {
  const [newest = ''] = Object.keys(keptOf(before.stored))
  const left = Object.keys(stored.images).filter(image => image !== newest)
  const marks = marksIn(scene.backupDir)
  return {
    state: left.length === 0 ? 'done' : left.length === 1 ? 'half done' : 'nothing done',
    violations: [
      ...changedContent(scene, before),
      ...problemsUnless(stored.images[newest] === NOW, `${newest}, the newest, does not hold its commit`),
      ...unmarked(left, stored, marks),
      ...problemsUnless(
        answer !== 'success' || left.length === 0,
        'success was printed, and old ones are there',
      ),
      ...problemsUnless(
        answer !== 'success' || marks.length === 0,
        'success was printed, and a mark is left',
      ),
    ],
  }
}

/** The newest of what is stored, by its name, and its metadata: first the image. */
export function keptOf(stored: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const newest = Object.keys(stored)
    .filter(name => name.startsWith('manual/'))
    .toSorted()
    .at(-1)
  const kept = [newest ?? '', `metadata/${basename(newest ?? '')}.json`]
  return Object.fromEntries(kept.flatMap(name => (name in stored ? [[name, stored[name] ?? '']] : [])))
}

/** What is half gone has the mark of its deletion. */
function unmarked(images: readonly string[], stored: Stored, marks: readonly string[]): string[] {
  return images
    .filter(image => !stored.isDescribed(image) && !marks.some(mark => mark.startsWith(basename(image))))
    .map(image => `${image} has neither metadata nor the mark of its deletion`)
}

/** Each backup is there in one form or in both, with metadata; in the end each in the new one, and nothing of the old. */
export function examineConvert(scene: Scene, before: Before, stored: Stored, answer: string): Findings {
  const published = publishedIn(scene.backupDir, before.notes)
  const images = Object.keys(stored.images)
  const earlier = [...new Set(Object.keys(before.stored).filter(isImage).map(stemOf))].toSorted()
  const isNew = (image: string): boolean => !image.endsWith('.db')
  const converted = earlier.filter(stem => images.some(image => stemOf(image) === stem && isNew(image)))
  const isDone = answer === 'success'
  const old = Object.keys(published).filter(name => /\.db(\.json)?$/.test(name))
  const ended = [
    ...problemsUnless(converted.length === earlier.length, 'success was printed, and not all are converted'),
    ...old.map(name => `success was printed, and ${name} is there`),
    ...marksIn(scene.backupDir).map(mark => `success was printed, and ${mark} is left`),
    ...Object.keys(published)
      .filter(name => METADATA.test(name) && 'converted_from' in metadataAt(scene, name))
      .map(name => `success was printed, and ${name} says that it is under way`),
  ]
  return {
    state: converted.length === 0 ? 'nothing done' : converted.length < earlier.length ? 'half done' : 'done',
    violations: [
      ...changedContent(scene, before),
      ...earlier.flatMap((stem, age) => lostForms(stem, age === 0 ? BACKED_UP : NOW, stored)),
      ...images.filter(image => !earlier.includes(stemOf(image))).map(image => `${image} was never there`),
      ...Object.entries(before.stored)
        .filter(([name, entry]) => name in published && published[name] !== entry && !isEdited(name))
        .map(([name]) => `${name}, which was there before, has changed`),
      ...unmarked(images, stored, marksIn(scene.backupDir)),
      ...(isDone ? ended : []),
    ],
  }
}

/** The metadata of the new form says for a while what it was made of. */
function isEdited(name: string): boolean {
  return METADATA.test(name) && !name.endsWith('.db.json')
}

function lostForms(stem: string, commit: number, { images, isDescribed }: Stored): string[] {
  const forms = Object.keys(images).filter(image => stemOf(image) === stem)
  return [
    ...problemsUnless(forms.some(isDescribed), `${stem} is lost`),
    ...forms
      .filter(form => images[form] !== commit)
      .map(form => `${form} holds ${images[form]}, and not ${commit}`),
  ]
}

function isImage(name: string): boolean {
  return IMAGE.test(name)
}

/** The name without what it says of the encoding. */
function stemOf(image: string): string {
  return image.replace(/\.db[.a-z]*$/, '')
}

/** A drill leaves everything as it is, and notes how it went; what it has promised is noted. */
export function examineDrill(scene: Scene, before: Before, _: Stored, answer: string): Findings {
  const metadata = Object.keys(before.stored).filter(name => METADATA.test(name))
  const passed = metadata.filter(name => {
    const drill = metadataAt(scene, name)['last_drill'] as { readonly passed: boolean } | undefined
    return drill?.passed === true
  })
  return {
    state: passed.length === 0 ? 'not noted' : 'noted',
    violations: [
      ...changedContent(scene, before),
      ...problemsUnless(
        answer !== 'success' || passed.length > 0,
        'success was printed, and it is not noted',
      ),
    ],
  }
}

/** What the metadata says; nothing where it cannot be read, which is found elsewhere. */
function metadataAt({ backupDir }: Scene, name: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(readFileSync(join(backupDir, name), 'utf8')) as Record<string, unknown>
  } catch {
    return {}
  }
}
