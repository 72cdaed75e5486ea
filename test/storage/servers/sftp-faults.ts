/** An SSH server whose SFTP server breaks off where it is told to. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { remove, serverDirectory } from './daemon.ts'
import { type Sshd, startSshd } from './sshd.ts'

const BETWEEN = fileURLToPath(new URL('./sftp-between.ts', import.meta.url))

export const SFTP_FAULTS_NEEDS = ['/usr/lib/openssh/sftp-server'] as const

export interface SftpFault {
  /** The first of these: `rename`, `remove`, `open`, …, or the name of an extension. */
  readonly request?: string
  /** Or the one of that number on its connection. */
  readonly at?: number
  /**
   * `lose-answer`: it is done, and the connection breaks off instead of the answer. `lose-request`: it is not done. `half`:
   * of a rename the new name is there, and the old one still, as OpenSSH's server leaves it when it is killed in between.
   */
  readonly how: 'lose-answer' | 'lose-request' | 'half'
  /** Somebody else puts this where the rename was to go, just before. */
  readonly plant?: string
}

export interface FaultySshd extends AsyncDisposable {
  readonly config: Sshd['config']
  readonly inject: (fault: SftpFault) => void
  /** Whether the fault is still to come. */
  readonly isToCome: () => boolean
}

/** @param options of OpenSSH's SFTP server, such as `-P posix-rename` */
export async function startFaultySshd(options = ''): Promise<FaultySshd> {
  const directory = serverDirectory()
  const file = join(directory, 'fault.json')
  const subsystem = `${process.execPath} ${BETWEEN} ${file} ${options}`
  const sshd = await startSshd({ subsystem })
  return {
    config: sshd.config,
    inject: fault => writeFileSync(file, JSON.stringify(fault)),
    isToCome: () => existsSync(file),
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]()
      remove(directory)
    },
  }
}
