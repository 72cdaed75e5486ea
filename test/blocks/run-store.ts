/**
 * A process that stores an image, or cleans up, and may be killed in it.
 *
 * Usage: node run-store.ts '<order as JSON>'. Prints "done".
 */
import { writeSync } from 'node:fs'
import { removeLeftovers } from '../../src/catalog/staging.ts'
import { keyOf } from './key.ts'
import { imageNumber, StoreScene } from './stored.ts'

export interface StoreOrder {
  readonly backupDir: string
  /** The image to store, under its number; or the restore points that a clean-up keeps. */
  readonly put?: number
  readonly keep?: readonly string[]
  /** Whom it is encrypted to, and the identity that a clean-up has. */
  readonly sealed?: { readonly recipient: string; readonly identity: string }
}

const { backupDir, put, keep, sealed } = JSON.parse(process.argv[2] ?? '') as StoreOrder
const scene = new StoreScene(backupDir, { isDurable: true })
if (sealed !== undefined) {
  scene.keys.to = { recipients: [sealed.recipient] }
  scene.keys.open = (await keyOf(sealed.identity)).open
}
await removeLeftovers(backupDir, [])
if (put !== undefined) await scene.put(`p${put}`, imageNumber(put))
if (keep !== undefined) await scene.collect(keep)
writeSync(1, 'done')
