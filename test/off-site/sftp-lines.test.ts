/** Backups on their way to an SSH server and back, over lines that fail. */
import { SSHD_NEEDS, startSshd } from '../storage/servers/sshd.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { lineFaults } from './lines.ts'

lineFaults({
  name: 'sftp',
  needs: SSHD_NEEDS,
  // After the first flush.
  middleBytes: 9_000_000,
  async server({ address, within }) {
    const sshd = await startSshd({ address, within })
    return {
      async place() {
        const root = temporaryDirectory()
        return { there: sshd.config(root), beside: { kind: 'local', path: root } }
      },
      stop: sshd.stop,
      start: sshd.start,
      [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
    }
  },
})
