import { createRoute, z } from '@hono/zod-openapi'
import { administrationFor, databaseFor, type ServerApp, type Service } from '../environment.ts'
import { sendFile } from '../send-file.ts'
import {
  binary,
  databaseName,
  idempotencyKey,
  inDatabase,
  json,
  problems,
  targetName,
} from '../schemas/common.ts'
import { storedExport } from '../schemas/data.ts'
import { accepted, begin, defined, findIfNamed, placeOf, requireAdmin, resultOf } from './parts.ts'

const tags = ['Exports']
const SENSITIVE = 'An export with sensitive columns as they are'

/** Whose data. */
const ofBackup = {
  from: z.string().max(255).optional().describe('File name of a backup. Default: the live database.'),
  target: targetName.optional().describe('The target that the backup is at.'),
}

const onExport = z.object({
  database: databaseName,
  export: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^/\\\0]+$/, 'expected the file name of an export')
    .openapi({ param: { name: 'export', in: 'path' }, description: 'File name of an export.' }),
})

const list = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/exports',
  tags,
  summary: 'The exports of a database in its backup directory',
  request: { params: inDatabase },
  responses: {
    200: {
      description: 'Newest first.',
      content: json(z.object({ exports: z.array(storedExport) })),
    },
    ...problems,
  },
})

const create = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/exports',
  tags,
  summary: 'Export the data of a database, or of a backup',
  request: {
    params: inDatabase,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(
        z.strictObject({
          format: z.enum(['json', 'ndjson', 'csv', 'sql', 'parquet']).optional(),
          ...ofBackup,
          includeSensitive: z
            .boolean()
            .optional()
            .describe('Passwords, tokens and the like as they are; for admins only.'),
          tables: z.array(z.string().max(1000)).max(1000).optional(),
          exclude: z.array(z.string().max(1000)).max(1000).optional(),
          compress: z.enum(['zstd', 'gzip']).optional(),
          pretty: z.boolean().optional(),
          excelSafe: z
            .boolean()
            .optional()
            .describe('Of CSV: keep spreadsheets from taking text for a formula. Default: true.'),
          redact: z
            .record(z.string().max(2000), z.enum(['omit', 'null', 'mask', 'hash', 'fixed', 'fake']))
            .optional(),
        }),
      ),
    },
  },
  responses: accepted,
})

const content = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/exports/{export}/content',
  tags,
  summary: 'Download an export',
  request: { params: onExport },
  responses: {
    200: { description: 'Its bytes.', content: binary },
    206: { description: 'The part of them that Range asks for.', content: binary },
    ...problems,
  },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/databases/{database}/exports/{export}',
  tags,
  summary: 'Delete an export',
  request: { params: onExport },
  responses: { 200: { description: 'It is gone.', content: json(storedExport) }, ...problems },
})

const scan = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/scan',
  tags,
  summary: 'Which columns an export would leave out by itself, and why',
  request: {
    params: inDatabase,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(z.strictObject(ofBackup)),
    },
  },
  responses: accepted,
})

export function addExportRoutes(app: ServerApp, service: Service): void {
  app.openapi(list, async c => {
    const { database: name } = c.req.valid('param')
    const administration = await administrationFor(service, c, name)
    const { exports } = await resultOf(administration.listExports())
    return c.json({ exports: [...exports] }, 200)
  })
  app.openapi(create, async c => {
    const { database: name } = c.req.valid('param')
    const { from, target, excelSafe = true, ...wanted } = c.req.valid('json')
    if (wanted.includeSensitive === true) requireAdmin(c, SENSITIVE)
    const source = await findIfNamed(service, name, from, target)
    const database = await databaseFor(service, c, name)
    const inFiles = wanted.format === 'csv' || wanted.format === 'parquet'
    const begun = begin(service, c, {
      kind: 'export',
      database: name,
      needs: wanted.includeSensitive === true ? 'admin' : 'operator',
      subject: source?.filename ?? null,
      work: run =>
        database.exportData({
          ...defined(wanted),
          ...(source === null ? {} : { from: source.path, ...placeOf(source) }),
          // One file to download.
          ...(inFiles ? { zip: true } : {}),
          ...(wanted.format === 'csv' ? { csv: { excelSafe } } : {}),
          ...run,
        }),
    })
    return c.json(begun, 202)
  })
  app.openapi(content, async c => {
    const { database: name, export: wanted } = c.req.valid('param')
    const administration = await administrationFor(service, c, name)
    const file = await resultOf(administration.openExport(wanted))
    try {
      if (file.sensitive) requireAdmin(c, SENSITIVE)
    } catch (error) {
      await file.close()
      throw error
    }
    await service.databases.record(c.get('principal'), { action: 'download', on: wanted, database: name })
    return sendFile(service, c, file)
  })
  app.openapi(remove, async c => {
    const { database: name, export: wanted } = c.req.valid('param')
    const administration = await administrationFor(service, c, name)
    return c.json((await resultOf(administration.deleteExport(wanted))).export, 200)
  })
  app.openapi(scan, async c => {
    const { database: name } = c.req.valid('param')
    const { from, target } = c.req.valid('json')
    const source = await findIfNamed(service, name, from, target)
    const database = await databaseFor(service, c, name)
    const begun = begin(service, c, {
      kind: 'scan',
      database: name,
      subject: source?.filename ?? null,
      work: run =>
        database.scanSensitive({
          ...(source === null ? {} : { from: source.path, ...placeOf(source) }),
          ...run,
        }),
    })
    return c.json(begun, 202)
  })
}
