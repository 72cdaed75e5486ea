/**
 * Makes each of the calls that the shim can break, each in a directory of its own below the given one, where a file `x`
 * is; then prints what came of each, as JSON: a number of bytes, `done`, or the code of an error.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'

export interface Step {
  /** As the shim names it. */
  readonly call: string
  /** What comes of it when it fails once. Default: the error. */
  readonly failsAs?: string
  /** In a directory with a file `x`, an empty directory `d`, and a directory `t` with another file `x`. */
  readonly make: (directory: string) => number | void
}

/** What `x` holds. */
export const CONTENT = 'ten bytes.'

export const STEPS: Readonly<Record<string, Step>> = {
  open: { call: 'open', make: at => fs.closeSync(fs.openSync(join(at, 'x'), 'r')) },
  create: { call: 'create', make: at => fs.closeSync(fs.openSync(join(at, 'new'), 'a')) },
  make: { call: 'make', make: at => fs.closeSync(fs.openSync(join(at, 'new'), 'wx')) },
  scandir: { call: 'readdir', make: at => fs.readdirSync(at).length },
  opendir: { call: 'readdir', make: at => fs.opendirSync(at).closeSync() },
  close: { call: 'close', make: at => fs.closeSync(fs.openSync(join(at, 'x'), 'r')) },
  read: { call: 'read', make: onFile(fd => fs.readSync(fd, Buffer.alloc(10), { position: null })) },
  pread: { call: 'read', make: onFile(fd => fs.readSync(fd, Buffer.alloc(10), { position: 0 })) },
  readv: { call: 'read', make: onFile(fd => fs.readvSync(fd, [Buffer.alloc(5), Buffer.alloc(5)])) },
  preadv: { call: 'read', make: onFile(fd => fs.readvSync(fd, [Buffer.alloc(5), Buffer.alloc(5)], 0)) },
  write: { call: 'write', make: onFile(fd => fs.writeSync(fd, Buffer.alloc(10))) },
  pwrite: { call: 'write', make: onFile(fd => fs.writeSync(fd, Buffer.alloc(10), 0, 10, 0)) },
  writev: { call: 'write', make: onFile(fd => fs.writevSync(fd, [Buffer.alloc(5), Buffer.alloc(5)])) },
  pwritev: { call: 'write', make: onFile(fd => fs.writevSync(fd, [Buffer.alloc(5), Buffer.alloc(5)], 0)) },
  // Node copies in another way then.
  copy: { call: 'write', failsAs: 'done', make: at => fs.copyFileSync(join(at, 'x'), join(at, 'copy')) },
  // Where the file system cannot, it says so itself.
  clone: {
    call: 'clone',
    make: at => fs.copyFileSync(join(at, 'x'), join(at, 'clone'), fs.constants.COPYFILE_FICLONE_FORCE),
  },
  ftruncate: { call: 'ftruncate64', make: onFile(fd => fs.ftruncateSync(fd, 5)) },
  fsync: { call: 'fsync', make: onFile(fs.fsyncSync) },
  fdatasync: { call: 'fdatasync', make: onFile(fs.fdatasyncSync) },
  rename: { call: 'rename', make: at => fs.renameSync(join(at, 'x'), join(at, 'y')) },
  link: { call: 'link', make: at => fs.linkSync(join(at, 'x'), join(at, 'y')) },
  mkdir: { call: 'mkdir', make: at => fs.mkdirSync(join(at, 'e')) },
  rmdir: { call: 'rmdir', make: at => fs.rmdirSync(join(at, 'd')) },
  unlink: { call: 'unlink', make: at => fs.unlinkSync(join(at, 'x')) },
  // Node does not tell why.
  unlinkat: { call: 'unlinkat', failsAs: '', make: at => fs.rmSync(join(at, 't'), { recursive: true }) },
  chmod: { call: 'chmod', make: at => fs.chmodSync(join(at, 'x'), 0o600) },
  fchmod: { call: 'fchmod', make: onFile(fd => fs.fchmodSync(fd, 0o600)) },
  chown: { call: 'chown', make: at => fs.chownSync(join(at, 'x'), ...me()) },
  fchown: { call: 'fchown', make: onFile(fd => fs.fchownSync(fd, ...me())) },
}

function onFile(use: (fd: number) => number | void): (at: string) => number | void {
  return at => {
    const fd = fs.openSync(join(at, 'x'), 'r+')
    try {
      return use(fd)
    } finally {
      fs.closeSync(fd)
    }
  }
}

function me(): [uid: number, gid: number] {
  return [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
}

function outcomeOf({ make }: Step, directory: string): number | string {
  try {
    return make(directory) ?? 'done'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

const [, , directory] = process.argv
if (import.meta.main && directory !== undefined) {
  const outcomes = Object.entries(STEPS).map(([name, step]) => [name, outcomeOf(step, join(directory, name))])
  process.stdout.write(JSON.stringify(Object.fromEntries(outcomes)))
}
