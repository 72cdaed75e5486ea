/** The bytes of backups, out and in. */
import { createRoute, z } from '@hono/zod-openapi'
import type { BackupAdded, Failure, StoredFile } from '../../index.ts'
import { administrationFor, type RequestContext, type ServerApp, type Service } from '../environment.ts'
import { Refusal } from '../problems.ts'
import { inSilence } from '../in-silence.ts'
import { sendFile } from '../send-file.ts'
import { atTarget, binary, idempotencyKey, inDatabase, json, onBackup, problems } from '../schemas/common.ts'
import { backupAdded } from '../schemas/jobs.ts'
import { findBackup, placeOf, resultOf } from './parts.ts'

const content = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/backups/{backup}/content',
  tags: ['Backups'],
  summary: 'Download a backup',
  description:
    'As it is stored: answers Range with 206, and If-Range with the whole file when it is another one by now; ETag names this very content. With form=database the plain database in it, whole, proven to be what was stored before its first byte; of an encrypted one only where the configuration has an identity.',
  request: {
    params: onBackup,
    query: atTarget.extend({
      form: z.enum(['stored', 'database']).default('stored').openapi({
        description: 'As it is stored, or the database in it: decompressed, decrypted, put together.',
      }),
    }),
  },
  responses: {
    200: { description: 'Its bytes.', content: binary },
    206: { description: 'The part of them that Range asks for.', content: binary },
    ...problems,
  },
})

const upload = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/backups/upload',
  tags: ['Backups'],
  summary: 'Add a backup file',
  description:
    'The body is the file itself: a database, or one compressed with zstd, as a download gives it. It is a backup, and listed, once it was found intact, and is stored as the configuration has it; until then nothing of it is kept.',
  request: {
    params: inDatabase,
    headers: idempotencyKey,
    query: z.object({
      type: z.string().max(32).optional().openapi({ description: 'Default: manual.' }),
      description: z.string().max(1000).optional(),
      created: z.iso.datetime().optional().openapi({ description: 'As of when its data are. Default: now.' }),
    }),
    body: { required: true, content: binary },
  },
  responses: {
    201: {
      description: 'It is listed.',
      headers: z.object({ Location: z.string() }),
      content: json(backupAdded),
    },
    ...problems,
  },
})

export function addTransferRoutes(app: ServerApp, service: Service): void {
  app.openapi(content, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { form, target } = c.req.valid('query')
    const found = await findBackup(service, name, backup, target)
    const { filename, encoding } = found
    const administration = await administrationFor(service, c, name)
    const place = placeOf(found)
    const signal = AbortSignal.any([c.req.raw.signal, service.stopping])
    const isUnpacked = form === 'database' && (encoding !== 'plain' || found.target !== null)
    const file = isUnpacked
      ? await unpack(service, c, () => administration.openBackup(filename, { form, ...place, signal }))
      : await resultOf(administration.openBackup(filename, { ...place, signal }))
    // Who has all data at his own place now.
    const event = { action: 'download', on: filename, database: name, parameters: { form, ...place } }
    await service.databases.record(c.get('principal'), event)
    return sendFile(service, c, file)
  })
  app.openapi(upload, async c => {
    const { database: name } = c.req.valid('param')
    const { type, description, created } = c.req.valid('query')
    const { signal } = c.req.raw
    const body = c.get('upload')
    if (body.isEmpty) throw new Refusal('REQUEST_INVALID', 'The body is empty', { hint: 'Send the file.' })
    const administration = await administrationFor(service, c, name)
    const request = {
      ...(type === undefined ? {} : { backupType: type }),
      ...(description === undefined ? {} : { description }),
      ...(created === undefined ? {} : { createdAt: created }),
      createdBy: c.get('principal').name,
      signal,
    }
    // Bytes that come too slowly are not waited for; the check after the last of them is.
    const add = (): Promise<BackupAdded | Failure> => administration.receiveBackup(body.bytes(), request)
    const added = await inSilence(c, () => resultOf(add()))
    const { filename } = added.backup
    c.header(
      'Location',
      `/api/v1/databases/${encodeURIComponent(name)}/backups/${encodeURIComponent(filename)}`,
    )
    return c.json(added, 201)
  })
}

async function unpack(
  { streams }: Service,
  c: RequestContext,
  open: () => Promise<StoredFile | Failure>,
): Promise<StoredFile> {
  const leave = streams.enterUnpacking()
  try {
    return await inSilence(c, () => resultOf(open()))
  } finally {
    leave()
  }
}
