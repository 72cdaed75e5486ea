/** A block device in user space whose reads and writes fail when they are told to. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { run } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { makeImage } from './devices.ts'
import { serveDisk, SERVED_DISK } from './served-disk.ts'

/** What tests need that use one. */
export const FAILING_DEVICE: readonly string[] = [...SERVED_DISK, 'mkfs.ext4']

export interface FailingDevice {
  /** From now on what is written to the device fails with EIO; ext4 notices when it flushes. */
  readonly failWrites: () => void
  /** From now on what is read from the device, and is not in memory, fails with EIO. */
  readonly failReads: () => void
  /** Brings what was written so far to the device. */
  readonly flush: () => void
  /** Forgets what is in memory, so that reads reach the device. */
  readonly dropCaches: () => void
  /** Ends the failures, checks the file system as an administrator would, and mounts it anew. */
  readonly repair: () => void
}

/** Mounts an ext4 file system on such a device over `directory`; for now it works. */
export async function mountFailingDevice(directory: string, sizeMiB: number): Promise<FailingDevice> {
  const own = temporaryDirectory()
  const path = (name: string): string => join(own, name)
  const image = makeImage('ext4', sizeMiB)
  const failures = (name: 'pread' | 'pwrite'): string[] => [
    `error-${name}=EIO`,
    `error-${name}-rate=100%`,
    `error-${name}-file=${path(name)}`,
  ]
  const { disk, loop } = await serveDisk([
    '--filter=error',
    'file',
    image,
    ...failures('pread'),
    ...failures('pwrite'),
  ])
  mkdirSync(directory, { recursive: true })
  run('mount', [loop, directory])
  onTestFinished(() => {
    heal()
    run('sh', [
      '-c',
      'umount "$0" 2>/dev/null || umount -l "$0" 2>/dev/null || ! mountpoint -q "$0"',
      directory,
    ])
  })

  const heal = (): void => {
    for (const name of ['pread', 'pwrite']) rmSync(path(name), { force: true })
  }
  const remount = (): void => {
    run('umount', [directory])
    // What the kernel remembers of the file behind the loop device.
    run('dd', [`if=${disk}`, 'iflag=nocache', 'count=0', 'status=none'])
    check(loop)
    run('mount', [loop, directory])
  }
  return {
    failWrites: () => writeFileSync(path('pwrite'), ''),
    failReads: () => writeFileSync(path('pread'), ''),
    flush: () => void run('sync', ['--file-system', directory]),
    dropCaches: remount,
    repair() {
      heal()
      remount()
    },
  }
}

/** Exit codes of e2fsck(8): it found something and mended it; it could not begin. */
const MENDED = 1
const IN_USE = 8

/**
 * Waits while the device is in use: a program that was started meanwhile with mounts of its own still has
 * this one, until it ends.
 */
function check(device: string): void {
  for (;;) {
    const { status, stdout, stderr } = spawnSync('e2fsck', ['-f', '-y', device], { encoding: 'utf8' })
    if (status === 0 || status === MENDED) return
    if (status !== IN_USE || !stderr.includes('in use'))
      throw new Error(`e2fsck: ${status}: ${stdout}${stderr}`)
    spawnSync('sleep', ['0.05'])
  }
}
