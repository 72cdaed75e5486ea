import { createRoute, z } from '@hono/zod-openapi'
import type { BackupsCleanedUp, RetentionPolicy } from '../../index.ts'
import { administrationFor, databaseFor, type ServerApp, type Service } from '../environment.ts'
import { cleanupPlanned } from '../schemas/backups.ts'
import { idempotencyKey, inDatabase, json, problems } from '../schemas/common.ts'
import {
  policy,
  retentionSimulated,
  type RetentionView,
  retentionView,
  seenVersion,
} from '../schemas/schedule.ts'
import { accepted, begin, defined, resultOf } from './parts.ts'

const tags = ['Retention']

const get = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/retention',
  tags,
  summary: 'The retention policy that holds',
  request: { params: inDatabase },
  responses: { 200: { description: 'The policy.', content: json(retentionView) }, ...problems },
})

const edit = createRoute({
  method: 'put',
  path: '/api/v1/databases/{database}/retention',
  tags,
  summary: 'Change the retention policy, in the configuration file',
  request: {
    params: inDatabase,
    body: {
      required: true,
      content: json(
        z.strictObject({
          policy: policy.describe('By type; a type that it does not name keeps its default.'),
          plan: z
            .string()
            .max(100)
            .describe('Of a cleanup-plan with this very policy: what it would delete was looked at.'),
          maxDeletions: z.int().positive().optional().describe('Default: stays as it is.'),
          version: seenVersion,
        }),
      ),
    },
  },
  responses: { 200: { description: 'The policy as it is now.', content: json(retentionView) }, ...problems },
})

const simulate = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/retention/simulate',
  tags,
  summary: 'What a policy would hold over time',
  request: {
    params: inDatabase,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(
        z.strictObject({
          policy: policy.optional().describe('Default: the one that holds.'),
          span: z.string().max(40).optional().describe('Such as "90d" (default) or "1y".'),
          ahead: z
            .boolean()
            .optional()
            .describe('From what is there now on. Default: from nothing, up to now.'),
        }),
      ),
    },
  },
  responses: {
    200: { description: 'One entry a day.', content: json(retentionSimulated) },
    ...problems,
  },
})

const plan = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/cleanup-plan',
  tags,
  summary: 'What a cleanup would delete and keep, and why',
  request: {
    params: inDatabase,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(
        z.strictObject({
          policy: policy
            .optional()
            .describe(
              'Default: the one that holds. The plan of another one is of what a cleanup deletes once it is saved; it cannot be run, but lets it be saved.',
            ),
        }),
      ),
    },
  },
  responses: { 200: { description: 'The plan.', content: json(cleanupPlanned) }, ...problems },
})

const cleanup = createRoute({
  method: 'post',
  path: '/api/v1/databases/{database}/cleanup',
  tags,
  summary: 'Delete what the retention policy does not keep, as planned',
  request: {
    params: inDatabase,
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(z.strictObject({ plan: z.string().max(100).describe('Of cleanup-plan.') })),
    },
  },
  responses: accepted,
})

export function addRetentionRoutes(app: ServerApp, service: Service): void {
  app.openapi(get, async c => {
    const { database } = c.req.valid('param')
    return c.json(await viewOf(service, database), 200)
  })
  app.openapi(edit, async c => {
    const { database: name } = c.req.valid('param')
    const { policy: types, plan: id, maxDeletions, version } = c.req.valid('json')
    const { name: by } = c.get('principal')
    const administration = await administrationFor(service, c, name)
    // The next cleanup deletes by it, when nobody looks: somebody has to have seen what.
    const now = await resultOf(administration.planRetention(types))
    service.plans.take(id, 'retention', subjectOf(name, by, now, types))
    const retention = { types, ...defined({ maxDeletions }) }
    await resultOf(administration.editSettings({ retention, ...defined({ version }) }))
    return c.json(await viewOf(service, name), 200)
  })
  app.openapi(simulate, async c => {
    const { database: name } = c.req.valid('param')
    const database = await databaseFor(service, c, name)
    return c.json(await resultOf(database.simulateRetention(defined(c.req.valid('json')))), 200)
  })
  app.openapi(plan, async c => {
    const { database: name } = c.req.valid('param')
    const { policy: types } = c.req.valid('json')
    const planned = await resultOf(
      types === undefined
        ? (await databaseFor(service, c, name)).cleanupOldBackups({ dryRun: true })
        : (await administrationFor(service, c, name)).planRetention(types),
    )
    const { name: by } = c.get('principal')
    // A policy of the caller's own can be saved; what is deleted, the configuration decides.
    const kind = types === undefined ? 'cleanup' : 'retention'
    const subject = subjectOf(name, by, planned, types)
    return c.json({ ...planned, ...service.plans.issue(kind, subject) }, 200)
  })
  app.openapi(cleanup, async c => {
    const { database: name } = c.req.valid('param')
    const { plan: id } = c.req.valid('json')
    const { name: by } = c.get('principal')
    const database = await databaseFor(service, c, name)
    // What goes must be what was shown.
    const now = await resultOf(database.cleanupOldBackups({ dryRun: true }))
    service.plans.take(id, 'cleanup', subjectOf(name, by, now))
    const begun = begin(service, c, {
      kind: 'cleanup',
      needs: 'admin',
      database: name,
      // It may have to wait for backups that are being made, after which others would go.
      work: run => database.cleanupOldBackups({ planned: pathsOf(now), ...run }),
    })
    return c.json(begun, 202)
  })
}

async function viewOf(service: Service, name: string): Promise<RetentionView> {
  const { retention, editable } = await service.databases.settings(name)
  return { ...retention, editable }
}

/** What goes, here and at every target, has to be what was shown. */
function subjectOf(
  database: string,
  by: string,
  cleanup: BackupsCleanedUp,
  rules: RetentionPolicy | null = null,
): string {
  return JSON.stringify([database, by, rules, ...pathsOf(cleanup)])
}

function pathsOf({ deleted, targets }: BackupsCleanedUp): string[] {
  return [{ deleted }, ...targets].flatMap(place => place.deleted.map(({ backup }) => backup.path))
}
