/** A store of packs in a directory of its own, and images to put into it. */
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Collected, collectGarbage } from '../../src/blocks/collect-garbage.ts'
import { type OpenKeyFile, openNothing } from '../../src/blocks/key-files.ts'
import { openSealing } from '../../src/blocks/open-sealing.ts'
import type { AgeRecipients } from '../../src/encoding/age/header.ts'
import type { Durability } from '../../src/storage/durable.ts'
import { cacheDirectory } from '../../src/blocks/fingerprints.ts'
import { parseRestorePoint } from '../../src/blocks/restore-point.ts'
import { restoreImage } from '../../src/blocks/restore-image.ts'
import type { ReadableImage } from '../../src/blocks/scan-image.ts'
import { type BlockStore, listPacks } from '../../src/blocks/store.ts'
import { type StoreVerified, verifyStore, type Sample } from '../../src/blocks/verify-store.ts'
import { RestorePointWriter, type WrittenRestorePoint } from '../../src/blocks/write-restore-point.ts'

export const NEVER: AbortSignal = new AbortController().signal

/** An image in memory. */
export interface TestImage {
  readonly pageSize: number
  readonly bytes: Buffer
}

export function readable({ pageSize, bytes }: TestImage): ReadableImage {
  return {
    pageSize,
    pageCount: pageSize === 0 ? 0 : bytes.length / pageSize,
    read: (into, position) => into.set(bytes.subarray(position, position + into.length)),
  }
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export interface SceneKeys {
  /** Whom it is encrypted to; null: nobody. */
  to: AgeRecipients | null
  /** What it is read with. */
  open: OpenKeyFile
}

export class StoreScene {
  readonly store: BlockStore
  readonly keys: SceneKeys
  #clock = 0

  constructor(
    backupDir: string,
    durability: Durability = { isDurable: false },
    keys: SceneKeys = { to: null, open: openNothing },
  ) {
    this.keys = keys
    mkdirSync(join(backupDir, 'daily'), { recursive: true })
    this.store = { backupDir, durability, fileMode: 0o600, directoryMode: 0o700 }
  }

  pathOf(name: string): string {
    return join(this.store.backupDir, 'daily', `${name}.db.blocks`)
  }

  /** Stores an image as the restore point `name`, as a backup does. */
  async put(
    name: string,
    image: TestImage,
    { database = 'app', stamp = null }: { readonly database?: string; readonly stamp?: string | null } = {},
  ): Promise<WrittenRestorePoint> {
    const sealing = await openSealing(this.store, this.keys.to)
    await using writer = await RestorePointWriter.open(this.store, { database, sealing })
    await writer.scan(readable(image), { signal: NEVER })
    const imageChecksum = sha256Of(image.bytes)
    const written = await writer.finish({ imageChecksum, readBack: true, signal: NEVER })
    // As an operation does, so that the file is there as a whole or not at all.
    writeFileSync(`${this.pathOf(name)}.next`, written.bytes, { mode: 0o600 })
    renameSync(`${this.pathOf(name)}.next`, this.pathOf(name))
    await written.remember(`daily/${name}.db.blocks`, stamp)
    return written
  }

  /** The image of a restore point. */
  async restore(name: string): Promise<Buffer> {
    const path = this.pathOf(name)
    const point = parseRestorePoint(readFileSync(path), path)
    const file = join(this.store.backupDir, `restored-${name}`)
    const fd = openSync(file, 'w')
    try {
      await restoreImage(point, this.store, { fd, path: file }, { open: this.keys.open, signal: NEVER })
      return readFileSync(file)
    } finally {
      closeSync(fd)
      rmSync(file)
    }
  }

  delete(name: string): void {
    rmSync(this.pathOf(name))
  }

  /** Loses all caches. */
  forget(): void {
    rmSync(cacheDirectory(this.store), { recursive: true, force: true })
  }

  collect(names: readonly string[]): Promise<Collected> {
    const paths = names.map(name => this.pathOf(name))
    return collectGarbage(paths, this.store, { waitMs: 0, signal: NEVER, open: this.keys.open })
  }

  /** @param clock what it reads, each time a millisecond later by default */
  verify(
    names: readonly string[],
    sample: Sample = null,
    clock: () => number = () => this.#clock++,
  ): Promise<StoreVerified> {
    const paths = names.map(name => this.pathOf(name))
    return verifyStore(paths, this.store, { sample, clock, signal: NEVER, open: this.keys.open })
  }

  async packBytes(): Promise<number> {
    return (await listPacks(this.store)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  }
}

/** Images that follow each other: in each some pages are new, and none is as in the others for long. */
export function imageNumber(number: number): TestImage {
  const bytes = randomPages(60, 1024, 1)
  for (let each = 1; each <= number; each++)
    for (let page = each; page < 60; page += 4)
      fillPage(bytes.subarray(page * 1024, (page + 1) * 1024), each * 1000 + page)
  return { pageSize: 1024, bytes }
}

/** Numbers from a seed, the same each time: half of a page's bytes, so that it compresses as those of databases do. */
export function randomPages(pages: number, pageSize: number, seed: number): Buffer {
  const bytes = Buffer.alloc(pages * pageSize)
  for (let page = 0; page < pages; page++)
    fillPage(bytes.subarray(page * pageSize, (page + 1) * pageSize), seed + page)
  return bytes
}

export function fillPage(page: Buffer, seed: number): void {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0
  for (let at = 0; at < page.length / 2; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    page[at] = state & 0xff
  }
}
