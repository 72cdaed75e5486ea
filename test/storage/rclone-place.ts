/** Places that rclone reaches. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RcloneTargetConfig } from '../../src/config/targets.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { Place } from './contract.ts'
import { placeIn } from './files-place.ts'
import { SSHD_NEEDS, type Sshd } from './servers/sshd.ts'

export const RCLONE_NEEDS = ['rclone'] as const
export const RCLONE_SFTP_NEEDS: readonly string[] = [...RCLONE_NEEDS, ...SSHD_NEEDS]

export type RclonePlace = Place & { readonly root: string; readonly config: RcloneTargetConfig }

/** rclone reads a configuration of its own: an empty one, so that nothing of this machine's gets in. */
export function rclonePlace(remote = ':local:', more: Partial<RcloneTargetConfig> = {}): RclonePlace {
  const root = join(temporaryDirectory(), 'remote')
  mkdirSync(root)
  const configFile = join(dirname(root), 'rclone.conf')
  writeFileSync(configFile, '')
  return { ...placeIn(root), config: { kind: 'rclone', remote: `${remote}${root}`, configFile, ...more } }
}

/** A remote on an SSH server that is described by variables alone. */
export function rcloneSftpPlace({ port, directory }: Pick<Sshd, 'port' | 'directory'>): RclonePlace {
  return rclonePlace('box:', {
    environment: {
      RCLONE_CONFIG_BOX_TYPE: 'sftp',
      RCLONE_CONFIG_BOX_HOST: '127.0.0.1',
      RCLONE_CONFIG_BOX_PORT: String(port),
      RCLONE_CONFIG_BOX_USER: 'root',
      RCLONE_CONFIG_BOX_KEY_FILE: join(directory, 'user'),
      RCLONE_CONFIG_BOX_SHELL_TYPE: 'none',
    },
  })
}
