/** File systems of their own for one test, on real block devices: gone when the test ends, however it ends. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { run } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export type FileSystem = 'ext4' | 'xfs' | 'btrfs'

/** What a test needs that mounts; programs beside them are named by the test. */
export const MOUNTS: readonly string[] = ['root', 'linux', 'mount', 'losetup']

const MIB = 1 << 20

/** Mounts a file system in memory over `directory`. */
export function mountTmpfs(directory: string, options: string): void {
  mkdirSync(directory, { recursive: true })
  run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
  unmountLater(directory)
}

/** Makes a file system of `sizeMiB` in a file and mounts it over `directory`. */
export function mountLoop(directory: string, fileSystem: FileSystem, sizeMiB: number): void {
  mountImage(directory, makeImage(fileSystem, sizeMiB))
}

/** A file of `sizeMiB` that holds an empty file system. */
export function makeImage(fileSystem: FileSystem, sizeMiB: number): string {
  const image = join(temporaryDirectory(), 'disk.img')
  writeFileSync(image, '')
  truncateSync(image, sizeMiB * MIB)
  run(`mkfs.${fileSystem}`, ['-q', fileSystem === 'ext4' ? '-F' : '-f', image])
  return image
}

/** Mounts a file system that lies in a file or on a block device. */
export function mountImage(directory: string, image: string): void {
  mkdirSync(directory, { recursive: true })
  run('mount', ['-o', 'loop', image, directory])
  unmountLater(directory)
}

/**
 * An ext4 file system whose reserved blocks root may not use either, if it has no capabilities: so that root
 * is an ordinary user there, who can still read this repository wherever it lies.
 */
export function mountReserved(directory: string, sizeMiB: number): void {
  const image = makeImage('ext4', sizeMiB)
  run('tune2fs', ['-u', '1', '-g', '1', image])
  mountImage(directory, image)
}

/** A btrfs subvolume, by the whole file system that it is in and its number there. */
export interface Subvolume {
  readonly whole: string
  readonly id: number
}

/** Mounts a btrfs subvolume whose size can be limited. */
export function mountWithQuota(directory: string): Subvolume {
  const whole = temporaryDirectory()
  mountImage(whole, makeImage('btrfs', 128))
  run('btrfs', ['quota', 'enable', whole])
  const subvolume = join(whole, 'limited')
  run('btrfs', ['subvolume', 'create', subvolume])
  mkdirSync(directory, { recursive: true })
  run('mount', ['--bind', subvolume, directory])
  unmountLater(directory)
  return { whole, id: Number(run('btrfs', ['inspect-internal', 'rootid', subvolume])) }
}

/** Lets a subvolume grow by so many bytes from now on; null: as far as it likes. */
export function limitQuota({ whole, id }: Subvolume, growBytes: number | null): void {
  // What was written or removed counts once it is on the disk.
  run('sync', ['--file-system', whole])
  const table = run('btrfs', ['qgroup', 'show', '--raw', whole])
  const used = Number(new RegExp(`^0/${id}\\s+(\\d+)`, 'm').exec(table)?.[1])
  const limit = growBytes === null ? 'none' : String(used + growBytes)
  run('btrfs', ['qgroup', 'limit', limit, `0/${id}`, whole])
}

/** Uses inodes up until `leave` are free, with files in `fillers`. */
export function fillInodes(directory: string, leave: number): void {
  const { ffree } = statfsSync(directory)
  if (ffree <= leave) return
  mkdirSync(join(directory, 'fillers'))
  for (let i = 1; i < ffree - leave; i++) writeFileSync(join(directory, 'fillers', String(i)), '')
}

/** Stops all writing to a file system, as a disk that hangs does; the writers cannot be killed meanwhile. */
export interface Frozen {
  thaw(): void
}

/** After this the disk thaws whatever becomes of the test, so that no process stays unkillable. */
const WATCHDOG_S = 120

export function freeze(directory: string): Frozen {
  // A process of its own group, for the case that this one is killed.
  const script = `sleep ${WATCHDOG_S}; fsfreeze -u "$0"`
  const start = 'setsid sh -c "$0" "$1" </dev/null >/dev/null 2>&1 & echo $!'
  const watchdog = Number(run('sh', ['-c', start, script, directory]))
  let isFrozen = true
  const thaw = (): void => {
    if (!isFrozen) return
    isFrozen = false
    spawnSync('fsfreeze', ['-u', directory])
    process.kill(-watchdog, 'SIGKILL')
  }
  onTestFinished(thaw)
  run('fsfreeze', ['-f', directory])
  return { thaw }
}

function unmountLater(directory: string): void {
  // Lazily where something still has a file open there, so that the next test does not suffer.
  onTestFinished(() => void run('sh', ['-c', 'umount "$0" 2>/dev/null || umount -l "$0"', directory]))
}
