import { createRoute, z } from '@hono/zod-openapi'
import { databaseFor, type ServerApp, type Service } from '../environment.ts'
import { pageOf } from '../pages.ts'
import { backupDeleted, backupInfo, backupPinned, checkLevel } from '../schemas/backups.ts'
import {
  atTarget,
  count,
  cursorText,
  idempotencyKey,
  inDatabase,
  json,
  onBackup,
  problems,
  text,
} from '../schemas/common.ts'
import { accepted, begin, defined, findBackup, placeOf, resultOf } from './parts.ts'

const PAGE_MAX = 500
const tags = ['Backups']

const list = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/backups',
  tags,
  summary: 'The backups of a database, some at a time',
  request: {
    params: inDatabase,
    query: atTarget.extend({
      type: z.string().max(200).optional().openapi({ description: 'Types, with commas between them.' }),
      q: z
        .string()
        .max(200)
        .optional()
        .openapi({ description: 'Only those with this text in name, description or creator.' }),
      state: z
        .enum(['verified', 'unverified', 'damaged', 'pinned', 'no-metadata'])
        .optional()
        .openapi({ description: 'Only those in this state.' }),
      from: z.iso.datetime().optional().openapi({ description: 'Made at this instant or later.' }),
      to: z.iso.datetime().optional().openapi({ description: 'Made before this instant.' }),
      sort: z.enum(['created', 'size', 'type', 'filename']).default('created'),
      order: z.enum(['asc', 'desc']).default('desc'),
      limit: count(PAGE_MAX, 50),
      cursor: cursorText.optional().openapi({ description: 'Of the page before: its nextCursor.' }),
    }),
  },
  responses: {
    200: {
      description: 'One page.',
      content: json(
        z.object({
          backups: z.array(backupInfo),
          total: z.number().describe('How many there are that match.'),
          sizeBytes: z.number().describe('What those take together.'),
          nextCursor: z.string().nullable().describe('Null on the last page.'),
        }),
      ),
    },
    ...problems,
  },
})

const create = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/backups',
  tags,
  summary: 'Make a backup',
  request: {
    params: inDatabase,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(
        z.strictObject({
          type: z.string().max(32).optional().describe('Default: manual.'),
          description: text.optional(),
          check: checkLevel.optional(),
        }),
      ),
    },
  },
  responses: accepted,
})

const get = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/backups/{backup}',
  tags,
  summary: 'One backup, with its metadata',
  request: { params: onBackup, query: atTarget },
  responses: { 200: { description: 'The backup.', content: json(backupInfo) }, ...problems },
})

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/databases/{database}/backups/{backup}',
  tags,
  summary: 'Delete a backup for good',
  request: {
    params: onBackup,
    query: atTarget.extend({
      confirm: z
        .string("expected the backup's file name once more")
        .max(255)
        .openapi({ description: "The backup's file name once more." }),
      force: z
        .enum(['true', 'false'])
        .default('false')
        .openapi({ description: 'Even if it is the last good one of its database.' }),
    }),
  },
  responses: { 200: { description: 'It is gone.', content: json(backupDeleted) }, ...problems },
})

const pin = createRoute({
  method: 'put',
  path: '/api/v1/databases/{database}/backups/{backup}/pin',
  tags,
  summary: 'Say that a backup must stay',
  request: {
    params: onBackup,
    query: atTarget,
    body: { required: true, content: json(z.strictObject({ reason: text.trim().min(1) })) },
  },
  responses: { 200: { description: 'It is pinned.', content: json(backupPinned) }, ...problems },
})

const unpin = createRoute({
  method: 'delete',
  path: '/api/v1/databases/{database}/backups/{backup}/pin',
  tags,
  summary: 'Let the policy decide on a backup again',
  request: { params: onBackup, query: atTarget },
  responses: { 200: { description: 'It is no longer pinned.', content: json(backupPinned) }, ...problems },
})

const verify = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/backups/{backup}/verify',
  tags,
  summary: 'Check a stored backup, and note the result in its metadata',
  request: {
    params: onBackup,
    query: atTarget,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(z.strictObject({ check: checkLevel.optional().describe('Default: full.') })),
    },
  },
  responses: accepted,
})

const drill = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/backups/{backup}/drill',
  tags,
  summary: 'Prove that a backup can be restored',
  request: {
    params: onBackup,
    query: atTarget,
    headers: idempotencyKey,
    body: { required: true, content: json(z.strictObject({})) },
  },
  responses: accepted,
})

export function addBackupRoutes(app: ServerApp, service: Service): void {
  app.openapi(list, async c => {
    const { database } = c.req.valid('param')
    const { target, ...query } = c.req.valid('query')
    return c.json(pageOf(await service.databases.backups(database, target), query), 200)
  })
  app.openapi(create, async c => {
    const { database: name } = c.req.valid('param')
    const { type, ...request } = c.req.valid('json')
    const database = await databaseFor(service, c, name)
    const { name: createdBy } = c.get('principal')
    const begun = begin(service, c, {
      kind: 'create',
      database: name,
      work: run =>
        database.createBackup({
          ...defined(request),
          ...(type === undefined ? {} : { backupType: type }),
          createdBy,
          ...run,
        }),
    })
    return c.json(begun, 202)
  })
  app.openapi(get, async c => {
    const { database, backup } = c.req.valid('param')
    const { target } = c.req.valid('query')
    return c.json(await findBackup(service, database, backup, target), 200)
  })
  addChangeRoutes(app, service)
}

function addChangeRoutes(app: ServerApp, service: Service): void {
  app.openapi(remove, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { confirm, force, target } = c.req.valid('query')
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    const request = { confirm: confirm === found.filename, force: force === 'true', ...placeOf(found) }
    return c.json(await resultOf(database.deleteBackup(found.path, request)), 200)
  })
  app.openapi(pin, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { target } = c.req.valid('query')
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    const { name: by } = c.get('principal')
    const request = { ...c.req.valid('json'), by, ...placeOf(found) }
    return c.json(await resultOf(database.pinBackup(found.path, request)), 200)
  })
  app.openapi(unpin, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { target } = c.req.valid('query')
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    return c.json(await resultOf(database.unpinBackup(found.path, placeOf(found))), 200)
  })
  app.openapi(verify, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { target } = c.req.valid('query')
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    const { check = 'full' } = c.req.valid('json')
    const begun = begin(service, c, {
      kind: 'verify',
      database: name,
      subject: found.filename,
      work: run => database.verifyBackup(found.path, { check, record: true, ...placeOf(found), ...run }),
    })
    return c.json(begun, 202)
  })
  app.openapi(drill, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { target } = c.req.valid('query')
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    const begun = begin(service, c, {
      kind: 'drill',
      database: name,
      subject: found.filename,
      work: run => database.drillBackup({ backup: found.path, ...placeOf(found), ...run }),
    })
    return c.json(begun, 202)
  })
}
