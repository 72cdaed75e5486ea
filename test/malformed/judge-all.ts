import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MalformedImage } from './images.ts'
import { classOf, Judge, type Judgement } from './judge.ts'
import { lies, Oracle } from './oracle.ts'

export interface Verdicts {
  readonly classes: Map<string, string>
  /** What must never be, each with the image that shows it. Empty for a product that keeps its word. */
  readonly broken: readonly string[]
  /** Images that every level called sound, and those that some level called damaged or refused. */
  readonly sound: number
  readonly refused: number
}

/**
 * Puts each image before the product and before SQLite, one after another. `alsoExpect` adds what must never
 * be with these images in particular.
 */
export async function judgeAll(
  images: readonly MalformedImage[],
  alsoExpect: (
    image: MalformedImage,
    judgement: Judgement,
    oracle: Oracle,
  ) => Promise<string[]> | string[] = () => [],
): Promise<Verdicts> {
  const directory = mkdtempSync(join(tmpdir(), 'chame-judge-'))
  const judge = new Judge(directory)
  using oracle = new Oracle(directory)
  const classes = new Map<string, string>()
  const broken: string[] = []
  let sound = 0
  try {
    for (const image of images) {
      const judgement = await judge.judge(image)
      // What SQLite says of the very bytes that were checked: those stored, else the file's own.
      const truth = await oracle.ask({ id: image.id, bytes: judgement.image ?? image.bytes })
      const found = [
        ...judgement.broken,
        ...lies(judgement, truth),
        ...(await alsoExpect(image, judgement, oracle)),
      ]
      broken.push(...found.map(what => `${image.id}: ${what}`))
      classes.set(image.id, classOf(judgement))
      if (judgement.quick.success && judgement.full.success) sound++
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return { classes, broken, sound, refused: images.length - sound }
}
