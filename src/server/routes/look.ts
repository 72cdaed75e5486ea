import { createRoute, z } from '@hono/zod-openapi'
import type { BackupInfo, KeptImage, RunOptions } from '../../index.ts'
import {
  administrationFor,
  databaseFor,
  type RequestContext,
  type ServerApp,
  type Service,
} from '../environment.ts'
import { inSilence } from '../in-silence.ts'
import {
  atTarget,
  idempotencyKey,
  inDatabase,
  json,
  onBackup,
  problems,
  targetName,
} from '../schemas/common.ts'
import { backupQueried, lookedInside, rowsRead } from '../schemas/look.ts'
import {
  accepted,
  begin,
  defined,
  findBackup,
  findIfNamed,
  placeOf,
  requireAdmin,
  resultOf,
} from './parts.ts'

const tags = ['Look inside']
const REVEAL = 'Showing sensitive columns as they are'

const tables = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/backups/{backup}/tables',
  tags,
  summary: 'What is in a backup: tables, columns, indexes, numbers of rows',
  request: { params: onBackup, query: atTarget },
  responses: { 200: { description: 'Its tables.', content: json(lookedInside) }, ...problems },
})

const rows = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/backups/{backup}/tables/{table}/rows',
  tags,
  summary: 'Rows of a table in a backup, some at a time',
  request: {
    params: onBackup.extend({
      table: z
        .string()
        .min(1)
        .max(1000)
        .openapi({ param: { name: 'table', in: 'path' }, description: 'Name of a table or a view.' }),
    }),
    query: atTarget.extend({
      limit: number(1, 500).optional(),
      offset: number(0, 1_000_000_000).optional(),
      search: z.string().max(1000).optional(),
      orderBy: z.string().max(1000).optional(),
      order: z.enum(['asc', 'desc']).optional(),
      reveal: z
        .enum(['true', 'false'])
        .optional()
        .openapi({ description: 'Show sensitive columns as they are; for admins only.' }),
    }),
  },
  responses: { 200: { description: 'Some rows.', content: json(rowsRead) }, ...problems },
})

const query = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/backups/{backup}/query',
  tags,
  summary: 'Run one statement that only reads on a backup',
  request: {
    params: onBackup,
    query: atTarget,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(
        z.strictObject({
          sql: z.string().min(1).max(100_000),
          limit: z.int().min(1).max(1000).optional(),
          reveal: z
            .boolean()
            .optional()
            .describe('Read sensitive columns as they are, not as NULL; for admins only.'),
        }),
      ),
    },
  },
  responses: { 200: { description: 'Its rows.', content: json(backupQueried) }, ...problems },
})

const compare = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/compare',
  tags,
  summary: 'What it takes to come from one backup, or from the live database, to another backup',
  request: {
    params: inDatabase,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(
        z.strictObject({
          from: z.string().max(255).nullable().describe('File name of a backup; null for the live database.'),
          to: z.string().max(255).describe('File name of a backup.'),
          target: targetName.optional().describe('The target that the backup `to` is at.'),
          fromTarget: targetName.optional().describe('The target that the backup `from` is at.'),
          table: z.string().max(1000).optional().describe('Only this one, with its rows.'),
          limit: z.int().min(1).max(500).optional(),
          offset: z.int().nonnegative().optional(),
          reveal: z.boolean().optional().describe('Show sensitive columns as they are; for admins only.'),
        }),
      ),
    },
  },
  responses: accepted,
})

export function addLookRoutes(app: ServerApp, service: Service): void {
  app.openapi(tables, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { target } = c.req.valid('query')
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    const { signal } = c.req.raw
    await using image = await inSilence(c, () =>
      openImage(service, c, { database: name, backup: found, signal }),
    )
    const request = { ...placeOf(found), ...imageOf(image), signal }
    return c.json(await resultOf(database.lookInside(found.path, request)), 200)
  })
  app.openapi(rows, async c => {
    const { database: name, backup, table } = c.req.valid('param')
    const { order, reveal, target, ...wanted } = c.req.valid('query')
    if (reveal === 'true') requireAdmin(c, REVEAL)
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    const { signal } = c.req.raw
    await using image = await inSilence(c, () =>
      openImage(service, c, { database: name, backup: found, signal }),
    )
    const request = {
      table,
      ...defined(wanted),
      ...placeOf(found),
      ...imageOf(image),
      descending: order === 'desc',
      includeSensitive: reveal === 'true',
      signal,
    }
    return c.json(await resultOf(database.readRows(found.path, request)), 200)
  })
  app.openapi(query, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { reveal = false, ...wanted } = c.req.valid('json')
    if (reveal) requireAdmin(c, REVEAL)
    const { target } = c.req.valid('query')
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    const { signal } = c.req.raw
    await using image = await inSilence(c, () =>
      openImage(service, c, { database: name, backup: found, signal }),
    )
    const request = {
      ...defined(wanted),
      ...placeOf(found),
      ...imageOf(image),
      sql: wanted.sql,
      includeSensitive: reveal,
      signal,
    }
    return c.json(await resultOf(database.queryBackup(found.path, request)), 200)
  })
  addCompareRoute(app, service)
}

function addCompareRoute(app: ServerApp, service: Service): void {
  app.openapi(compare, async c => {
    const { database: name } = c.req.valid('param')
    const { from, fromTarget, to, target, reveal = false, ...wanted } = c.req.valid('json')
    if (reveal) requireAdmin(c, REVEAL)
    const found = await findBackup(service, name, to, target)
    const other = await findIfNamed(service, name, from, fromTarget)
    const database = await databaseFor(service, c, name)
    const begun = begin(service, c, {
      kind: 'compare',
      database: name,
      needs: reveal ? 'admin' : 'operator',
      subject: found.filename,
      async work(run) {
        await using image = await openImage(service, c, { database: name, backup: found, ...run })
        await using otherImage =
          other === null ? null : await openImage(service, c, { database: name, backup: other, ...run })
        return await database.compareBackups(found.path, {
          ...placeOf(found),
          ...imageOf(image),
          ...(other === null ? {} : { with: other.path }),
          ...(otherImage === null ? {} : { withImage: otherImage.path }),
          ...defined(wanted),
          ...(reveal ? { includeSensitive: true } : {}),
          ...run,
        })
      },
    })
    return c.json(begun, 202)
  })
}

/** Whoever looks into a backup turns pages: what has to be fetched or decoded for it is kept for a while. */
async function openImage(
  service: Service,
  c: RequestContext,
  { database, backup, ...run }: RunOptions & { readonly database: string; readonly backup: BackupInfo },
): Promise<KeptImage | null> {
  const administration = await administrationFor(service, c, database)
  return administration.openImage(backup, service.images, run)
}

function imageOf(image: KeptImage | null): { readonly image?: string } {
  return image === null ? {} : { image: image.path }
}

/** How this query says a number. */
function number(min: number, max: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^\d{1,10}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .openapi({ type: 'integer', minimum: min, maximum: max })
}
