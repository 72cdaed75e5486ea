/** What the configuration may say of targets. No message of it quotes a value: it may be a secret put in the wrong place. */
import { z } from 'zod'
import { policySchema } from '../retention/schema.ts'
import { isSize } from '../retention/units.ts'
import { recordOf } from './record.ts'
import { secretSchema } from './secret-schema.ts'
import type { TargetConfig } from './targets.ts'

/** Also the name of the file that its check is noted in. */
const TARGET_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/

const text = z
  .string()
  .min(1)
  .regex(/^[^\r\n\0]+$/, 'expected one line')

const EXPECTED_SIZE = 'expected bytes, or text such as "10MB"'
const size = z.union([z.int().positive(), z.string().refine(isSize, EXPECTED_SIZE)], EXPECTED_SIZE)

const options = {
  bandwidth: size
    .optional()
    .describe('Bytes a second at most: a number, or text such as "10MB". Default: no limit'),
  appendOnly: z
    .boolean()
    .optional()
    .describe('Nothing is ever deleted there by this program. Default: false'),
  retention: z
    .strictObject({ types: policySchema.optional(), maxDeletions: z.int().positive().optional() })
    .optional()
    .describe('Which backups a cleanup keeps there. Default: as the databases say.'),
}

const local = z.strictObject({
  kind: z.literal('local'),
  ...options,
  path: text.describe('A directory that exists, relative to the configuration file.'),
})

const s3 = z
  .strictObject({
    kind: z.literal('s3'),
    ...options,
    bucket: z.string().regex(/^[a-z0-9][a-z0-9._-]{1,62}$/i, 'expected the name of a bucket'),
    prefix: z
      .string()
      .regex(
        /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/,
        'expected names with "/" between them',
      )
      .max(512)
      .optional()
      .describe('What all keys begin with, such as "backups/chame". Default: nothing'),
    endpoint: z
      .string()
      .refine(isEndpoint, 'expected an http or https URL of a server, without path, user and password')
      .optional()
      .describe("Address of the server. Default: Amazon's of the region."),
    region: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,64}$/, 'expected a region')
      .optional()
      .describe('Default: us-east-1'),
    pathStyle: z
      .boolean()
      .optional()
      .describe('Bucket in the path, not in the host name. Default: true with an endpoint'),
    accessKeyId: z.union(
      [text, secretSchema],
      'expected the id of a key, { "env": "NAME" } or { "file": "path" }',
    ),
    secretAccessKey: secretSchema,
    sessionToken: secretSchema.optional().describe('Of temporary credentials.'),
    objectLock: z
      .strictObject({ mode: z.enum(['GOVERNANCE', 'COMPLIANCE']), days: z.int().min(1).max(36_500) })
      .optional()
      .describe('What is put is locked for so long, in a bucket that has object lock.'),
    allowHttp: z.boolean().optional().describe('Plain http to other hosts than this one. Default: false'),
    partSize: size.optional().describe('Bytes of a part of a large object, 5MiB at least. Default: 8MiB'),
  })
  .refine(target => target.allowHttp === true || isSafeEndpoint(target.endpoint), {
    path: ['endpoint'],
    message: 'plain http is only used to this machine; https, or allowHttp if the way there is safe',
  })

const sftp = z
  .strictObject({
    kind: z.literal('sftp'),
    ...options,
    host: z.string().regex(/^[A-Za-z0-9._:-]{1,255}$/, 'expected a host name or address'),
    port: z.int().min(1).max(65_535).optional().describe('Default: 22'),
    user: text,
    path: text.describe(
      'A directory that exists there; a relative one starts where the server puts the user.',
    ),
    privateKey: secretSchema.optional(),
    passphrase: secretSchema.optional().describe('Of the private key.'),
    password: secretSchema.optional(),
    hostKey: z
      .union(
        [fingerprint(), z.array(fingerprint()).min(1)],
        'expected a fingerprint such as "SHA256:…", or several',
      )
      .optional()
      .describe('Fingerprints of the server\'s key as ssh-keygen -l shows them: "SHA256:…".'),
    knownHosts: text
      .optional()
      .describe(
        'A file as OpenSSH keeps it, relative to the configuration file. Default without hostKey: ~/.ssh/known_hosts',
      ),
  })
  .refine(target => target.privateKey !== undefined || target.password !== undefined, {
    path: ['privateKey'],
    message: 'expected privateKey or password',
  })

/** Ends of the names of variables that hold a secret. */
const SECRET = /(PASS|PASS2|PASSWORD|SECRET|SECRET_ACCESS_KEY|TOKEN|KEY|KEY_PEM|CREDENTIALS)$/

const rclone = z.strictObject({
  kind: z.literal('rclone'),
  ...options,
  remote: z
    .string()
    .regex(/^[A-Za-z0-9_.:][^\r\n\0]*:[^\r\n\0]*$/, 'expected "remote:path"')
    .describe('As rclone writes it: "remote:path", or ":backend:path".'),
  configFile: text.optional().describe("rclone's own configuration, relative to ours. Default: rclone's"),
  environment: recordOf(
    z.string().regex(/^RCLONE_[A-Z0-9_]+$/, 'expected variables named RCLONE_…'),
    z.union([z.string(), secretSchema], 'expected text, { "env": "NAME" } or { "file": "path" }'),
  )
    .refine(
      variables =>
        Object.entries(variables).every(([name, value]) => typeof value !== 'string' || !SECRET.test(name)),
      'expected { "env": "NAME" } or { "file": "path" } for passwords, keys and tokens',
    )
    .optional()
    .describe('Variables for rclone: RCLONE_CONFIG_<REMOTE>_<KEY>, RCLONE_CONFIG_PASS and the like.'),
  program: text.optional().describe('The program. Default: rclone'),
})

export const targetsSchema: z.ZodType<Record<string, TargetConfig>> = recordOf(
  z.string().regex(TARGET_NAME, 'expected a name of letters, digits, "_" and "-"'),
  z.discriminatedUnion('kind', [local, s3, sftp, rclone]),
).describe('Where backups are stored beside the backup directory, by name: see docs/targets.md.')

function fingerprint(): z.ZodType<string> {
  return z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, 'expected a fingerprint such as "SHA256:…"')
}

/** An address may be written down as long as nothing in it is a password. */
function isEndpoint(address: string): boolean {
  const url = URL.parse(address)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return false
  return (
    url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === ''
  )
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

function isSafeEndpoint(address: string | undefined): boolean {
  const url = address === undefined ? null : URL.parse(address)
  return url === null || url.protocol !== 'http:' || LOOPBACK.test(url.hostname)
}
