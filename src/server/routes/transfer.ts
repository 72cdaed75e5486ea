/** The bytes of backups, out and in. */
import { createRoute, z } from '@hono/zod-openapi'
import { administrationFor, type ServerApp, type Service } from '../environment.ts'
import { Refusal } from '../problems.ts'
import { patiently } from '../request-body.ts'
import { sendFile } from '../send-file.ts'
import { inDatabase, json, onBackup, problems } from '../schemas/common.ts'
import { backupAdded } from '../schemas/jobs.ts'
import { findBackup, resultOf } from './parts.ts'

const binary = { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } } as const

const content = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/backups/{backup}/content',
  tags: ['Backups'],
  summary: 'Download a backup',
  description:
    'Answers Range with 206, and If-Range with the whole file when it is another one by now. ETag is the checksum of the stored file.',
  request: { params: onBackup },
  responses: {
    200: { description: 'Its bytes, as they are stored.', content: binary },
    ...problems,
  },
})

const upload = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/backups/upload',
  tags: ['Backups'],
  summary: 'Add a backup file',
  description:
    'The body is the file itself. It is a backup, and listed, once it was found intact; until then nothing of it is kept.',
  request: {
    params: inDatabase,
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
    const { filename } = await findBackup(service, name, backup)
    const administration = await administrationFor(service, c, name)
    const file = await resultOf(administration.openBackup(filename))
    // Who has all data at his own place now.
    await service.databases.record(c.get('principal'), { action: 'download', on: filename, database: name })
    return sendFile(service, c, file)
  })
  app.openapi(upload, async c => {
    const { database: name } = c.req.valid('param')
    const { type, description, created } = c.req.valid('query')
    const { body, signal } = c.req.raw
    if (body === null) throw new Refusal('REQUEST_INVALID', 'The body is empty', { hint: 'Send the file.' })
    const administration = await administrationFor(service, c, name)
    const added = await resultOf(
      administration.receiveBackup(patiently(body), {
        ...(type === undefined ? {} : { backupType: type }),
        ...(description === undefined ? {} : { description }),
        ...(created === undefined ? {} : { createdAt: created }),
        createdBy: c.get('principal').name,
        signal,
      }),
    )
    const { filename } = added.backup
    c.header(
      'Location',
      `/api/v1/databases/${encodeURIComponent(name)}/backups/${encodeURIComponent(filename)}`,
    )
    return c.json(added, 201)
  })
}
