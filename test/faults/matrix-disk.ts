/** A disk whose power can be cut: a file system in a file, behind a loop device. Needs root and Linux. */
import { spawnSync } from 'node:child_process'
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { makeImage } from '../disks/devices.ts'
import { run } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export type FileSystem = 'ext4' | 'xfs'

/** About as small as mkfs allows; the files are sparse. */
export const SIZES_MIB: Record<FileSystem, number> = { ext4: 64, xfs: 320 }
/** The kernel lets go of a dead process's files a moment after the process is gone. */
const BUSY_MS_MAX = 60_000

export class Disk {
  readonly mountPoint: string
  readonly #image: string

  /** Makes and mounts a disk that is gone when the running test has ended, however it ends. */
  constructor(fileSystem: FileSystem) {
    this.#image = makeImage(fileSystem, SIZES_MIB[fileSystem])
    this.mountPoint = join(temporaryDirectory(), 'disk')
    mkdirSync(this.mountPoint)
    this.#mount()
    // Registered last, so it comes first: before the directories are removed.
    onTestFinished(() => void spawnSync('umount', ['--lazy', this.mountPoint]))
  }

  /** After the power was cut: what was flushed is there again, and nothing else needs to be. */
  async remount(): Promise<void> {
    for (const deadline = Date.now() + BUSY_MS_MAX; ; await sleep(5)) {
      const { status, stderr } = spawnSync('umount', [this.mountPoint], { encoding: 'utf8' })
      if (status === 0) {
        this.#mount()
        if (this.#hasPower()) return
      }
      if (Date.now() > deadline) throw new Error(stderr || 'the file system is still shut down')
    }
  }

  #mount(): void {
    run('mount', ['-o', 'loop', this.#image, this.mountPoint])
  }

  /** A mount namespace that somebody opened meanwhile holds on to the file system as it is, shut down. */
  #hasPower(): boolean {
    let fd: number | null = null
    try {
      fd = openSync(this.mountPoint, 'r')
      fsyncSync(fd)
      return true
    } catch {
      return false
    } finally {
      if (fd !== null) closeSync(fd)
    }
  }
}
