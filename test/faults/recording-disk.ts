/**
 * A disk that writes down what it is told, so that it can be made anew as a power cut at any moment may have left it.
 * Needs root and Linux.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { makeImage } from '../disks/devices.ts'
import { serveDisk, SERVED_DISK } from '../disks/served-disk.ts'
import { run } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { type FileSystem, SIZES_MIB } from './matrix-disk.ts'
import type { Told, Write } from './reordered-writes.ts'

/** What tests need that use one, beside what makes their file system. */
export const RECORDING_DISK: readonly string[] = [...SERVED_DISK, 'nbdkit-plugin-python', 'mount']

const PLUGIN = fileURLToPath(new URL('./recording-disk.py', import.meta.url))
/** An entry of the log: where, how many bytes, and these; or, in the place of where, that it is a flush. */
const HEADER_BYTES = 12
const FLUSH = 0xffff_ffff_ffff_ffffn
/** The kernel lets go of a dead process's files a moment after the process is gone. */
const BUSY_MS_MAX = 60_000

export class RecordingDisk {
  readonly mountPoint: string
  readonly #options: readonly string[]
  readonly #own: string
  #image = ''
  #logAt = 0

  /**
   * Makes and mounts such a disk, which is gone when the running test has ended.
   *
   * @param options of its file system, as mount(8) has them
   */
  static async make(fileSystem: FileSystem, options: readonly string[] = []): Promise<RecordingDisk> {
    // What ext4 clears by and by would be written among all else; XFS mounts no second disk that is called the same.
    const own = fileSystem === 'ext4' ? ['noinit_itable'] : ['nouuid']
    const disk = new RecordingDisk([...own, ...options])
    disk.#image = makeImage(fileSystem, SIZES_MIB[fileSystem])
    const { loop } = await serveDisk(['python', PLUGIN, `image=${disk.#image}`, `log=${disk.#log}`])
    run('mount', [...disk.#withOptions(), loop, disk.mountPoint])
    // Registered last, so it comes first.
    onTestFinished(() => void spawnSync('umount', ['--lazy', disk.mountPoint], { stdio: 'ignore' }))
    return disk
  }

  private constructor(options: readonly string[]) {
    this.#options = options
    this.#own = temporaryDirectory()
    this.mountPoint = join(this.#own, 'disk')
    mkdirSync(this.mountPoint)
  }

  get #log(): string {
    return join(this.#own, 'log')
  }

  get #base(): string {
    return join(this.#own, 'base')
  }

  async unmount(): Promise<void> {
    for (const deadline = Date.now() + BUSY_MS_MAX; ; await sleep(5)) {
      const { status, stderr } = spawnSync('umount', [this.mountPoint], { encoding: 'utf8' })
      if (status === 0) return
      if (Date.now() > deadline) throw new Error(stderr)
    }
  }

  /** Flushes: what is there now is on the disk, and what the disk is told from now on may be. */
  beginRecording(): void {
    run('sync', ['--file-system', this.mountPoint])
    this.#logAt = statSync(this.#log).size
    run('cp', ['--sparse=always', this.#image, this.#base])
  }

  /** What it was told since {@link beginRecording}. */
  recorded(): Told[] {
    const log = readFileSync(this.#log).subarray(this.#logAt)
    const told: Told[] = []
    for (let at = 0; at < log.length;) {
      const where = log.readBigUInt64LE(at)
      const end = at + HEADER_BYTES + log.readUInt32LE(at + 8)
      const bytes = log.subarray(at + HEADER_BYTES, end)
      told.push(where === FLUSH ? 'flush' : { offset: Number(where), bytes })
      at = end
    }
    return told
  }

  /** Mounts, in its place, a disk of what was there when the recording began and these writes; throws when that cannot be mounted. */
  mountWith(writes: readonly Write[]): void {
    const image = join(this.#own, 'made')
    run('cp', ['--sparse=always', '--remove-destination', this.#base, image])
    const fd = openSync(image, 'r+')
    try {
      for (const { offset, bytes } of writes) writeSync(fd, bytes, 0, bytes.length, offset)
    } finally {
      closeSync(fd)
    }
    run('mount', [...this.#withOptions('loop'), image, this.mountPoint])
  }

  #withOptions(...more: readonly string[]): string[] {
    return ['-o', [...more, ...this.#options].join(',')]
  }
}
