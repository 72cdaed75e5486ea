import type { RetentionConfig } from './retention.ts'
import type { SecretConfig } from './secret.ts'

interface TargetOptions {
  /** Bytes a second that are sent and fetched at most: a number, or text such as "10MB". Default: no limit */
  bandwidth?: number | string | undefined
  /** Nothing is ever deleted there by this program. Default: false */
  appendOnly?: boolean | undefined
  /** Which backups a cleanup keeps there. Default: as the databases say. */
  retention?: RetentionConfig | undefined
}

/** A directory, such as one on a disk that is mounted. */
export interface LocalTargetConfig extends TargetOptions {
  kind: 'local'
  /** A directory that exists, relative to the configuration file. */
  path: string
}

/** A bucket of Amazon S3, or of another server that speaks its protocol. */
export interface S3TargetConfig extends TargetOptions {
  kind: 's3'
  bucket: string
  /** What all keys begin with, such as "backups/chame". Default: nothing */
  prefix?: string | undefined
  /** Address of the server. Default: Amazon's of the region. */
  endpoint?: string | undefined
  /** Default: us-east-1 */
  region?: string | undefined
  /** Bucket in the path, not in the host name. Default: true with an endpoint */
  pathStyle?: boolean | undefined
  accessKeyId: string | SecretConfig
  secretAccessKey: SecretConfig
  /** Of temporary credentials. */
  sessionToken?: SecretConfig | undefined
  /** What is put is locked for so long, in a bucket that has object lock. */
  objectLock?: { mode: 'GOVERNANCE' | 'COMPLIANCE'; days: number } | undefined
  /** Plain http to other hosts than this one. Default: false */
  allowHttp?: boolean | undefined
  /** Bytes of a part of a large object: a number, or text such as "8MiB". Default: 8MiB, more for what needs more than 10,000 */
  partSize?: number | string | undefined
}

/** A directory of an SSH server. */
export interface SftpTargetConfig extends TargetOptions {
  kind: 'sftp'
  host: string
  /** Default: 22 */
  port?: number | undefined
  user: string
  /** A directory that exists there; a relative one starts where the server puts the user. */
  path: string
  privateKey?: SecretConfig | undefined
  /** Of the private key. */
  passphrase?: SecretConfig | undefined
  password?: SecretConfig | undefined
  /** Fingerprints of the server's key as `ssh-keygen -l` shows them: "SHA256:…". */
  hostKey?: string | string[] | undefined
  /** A file as OpenSSH keeps it, relative to the configuration file. Default without hostKey: ~/.ssh/known_hosts */
  knownHosts?: string | undefined
}

/** Any service that an installed rclone knows. */
export interface RcloneTargetConfig extends TargetOptions {
  kind: 'rclone'
  /** As rclone writes it: "remote:path", or ":backend:path". */
  remote: string
  /** rclone's own configuration, relative to ours. Default: rclone's */
  configFile?: string | undefined
  /** Variables for rclone: RCLONE_CONFIG_<REMOTE>_<KEY>, RCLONE_CONFIG_PASS and the like. */
  environment?: Record<string, string | SecretConfig> | undefined
  /** The program. Default: rclone */
  program?: string | undefined
}

export type TargetConfig = LocalTargetConfig | S3TargetConfig | SftpTargetConfig | RcloneTargetConfig
