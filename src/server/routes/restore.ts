/** What cannot be taken back needs two signs of intent: the id of a fresh plan, and the database's name. */
import { createRoute, z } from '@hono/zod-openapi'
import type { BackupInfo } from '../../index.ts'
import { databaseFor, type ServerApp, type Service } from '../environment.ts'
import { Refusal } from '../problems.ts'
import { checkLevel } from '../schemas/backups.ts'
import { atTarget, idempotencyKey, json, onBackup } from '../schemas/common.ts'
import { accepted, begin, defined, findBackup, placeOf } from './parts.ts'

const tags = ['Restore']

const acceptUnsigned = z
  .boolean()
  .optional()
  .describe('Take one that nobody has signed, though the configuration trusts keys.')

const check = checkLevel
  .optional()
  .describe(
    'How deep SQLite checks the backup first; its SHA-256 is compared at all times. none leaves to that what was checked before. Default: quick.',
  )

const plan = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/backups/{backup}/restore-plan',
  tags,
  summary: 'Say what a restore would do, after verifying the backup',
  request: {
    params: onBackup,
    query: atTarget,
    headers: idempotencyKey,
    body: { required: true, content: json(z.strictObject({ acceptUnsigned, check })) },
  },
  responses: accepted,
})

const restore = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/backups/{backup}/restore',
  tags,
  summary: 'Restore a backup over its database, as planned',
  request: {
    params: onBackup,
    query: atTarget,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(
        z.strictObject({
          plan: z
            .string()
            .max(100)
            .describe('Of the result of restore-plan; it holds for a few minutes, once.'),
          confirm: z.string().max(64).describe('The name of the database.'),
          acceptUnsigned,
          check,
        }),
      ),
    },
  },
  responses: accepted,
})

export function addRestoreRoutes(app: ServerApp, service: Service): void {
  app.openapi(plan, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { target } = c.req.valid('query')
    const order = defined(c.req.valid('json'))
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    const { name: by } = c.get('principal')
    const begun = begin(service, c, {
      kind: 'restore-plan',
      database: name,
      needs: 'admin',
      subject: found.filename,
      work: async run => {
        const where = placeOf(found)
        const result = await database.restoreBackup(found.path, { dryRun: true, ...where, ...order, ...run })
        if (!result.success) return result
        // With dryRun it is never done.
        if (!result.dryRun) throw new Error('a dry run restored')
        return { ...result, ...service.plans.issue('restore', planned(name, found, by)) }
      },
    })
    return c.json(begun, 202)
  })
  app.openapi(restore, async c => {
    const { database: name, backup } = c.req.valid('param')
    const { target } = c.req.valid('query')
    const { plan: id, confirm, ...rest } = c.req.valid('json')
    const found = await findBackup(service, name, backup, target)
    const database = await databaseFor(service, c, name)
    const { name: by } = c.get('principal')
    if (confirm !== name) {
      throw new Refusal('REQUEST_INVALID', 'Restore not confirmed: the name of the database is another', {
        hint: `Give confirm as ${JSON.stringify(name)}.`,
      })
    }
    service.plans.take(id, 'restore', planned(name, found, by))
    const begun = begin(service, c, {
      kind: 'restore',
      database: name,
      needs: 'admin',
      subject: found.filename,
      work: async run => {
        const order = { confirm: true, ...placeOf(found), ...defined(rest) }
        const result = await database.restoreBackup(found.path, { ...order, ...run })
        if (result.success && result.dryRun) throw new Error('a restore was a dry run')
        return result
      },
    })
    return c.json(begun, 202)
  })
}

/** What a plan was made for: of another backup, of its copy elsewhere, or by somebody else, it is another plan. */
function planned(database: string, { target, filename, checksum }: BackupInfo, by: string): string {
  return JSON.stringify([database, target, filename, checksum, by])
}
