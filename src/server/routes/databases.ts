import { createRoute, z } from '@hono/zod-openapi'
import { assessVerdict } from '../verdict.ts'
import { administrationFor, type ServerApp, type Service } from '../environment.ts'
import { historyOf } from '../history.ts'
import { atTarget, count, inDatabase, json, problems } from '../schemas/common.ts'
import { databaseSummary, databaseView, dayView } from '../schemas/databases.ts'
import { defined, resultOf } from './parts.ts'

const DAYS_MAX = 3660

const list = createRoute({
  method: 'get',
  path: '/api/v1/databases',
  tags: ['Databases'],
  summary: 'The databases of the configuration',
  responses: {
    200: { description: 'All of them.', content: json(z.object({ databases: z.array(databaseSummary) })) },
    ...problems,
  },
})

const get = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}',
  tags: ['Databases'],
  summary: 'The state of a database and its backups, with a plain verdict',
  request: { params: inDatabase, query: atTarget },
  responses: { 200: { description: 'Its state.', content: json(databaseView) }, ...problems },
})

const history = createRoute({
  method: 'get',
  path: '/api/v1/databases/{database}/history',
  tags: ['Databases'],
  summary: 'Its backups by day',
  request: { params: inDatabase, query: atTarget.extend({ days: count(DAYS_MAX, 366) }) },
  responses: {
    200: {
      description: 'One entry for each day that has a backup, oldest first.',
      content: json(z.object({ days: z.array(dayView) })),
    },
    ...problems,
  },
})

export function addDatabaseRoutes(app: ServerApp, service: Service): void {
  app.openapi(list, async c => {
    const { databases } = await service.databases.settings()
    return c.json({ databases: [...databases] }, 200)
  })
  app.openapi(get, async c => {
    const { database } = c.req.valid('param')
    const { target } = c.req.valid('query')
    const backups = await service.databases.backups(database, target)
    const administration = await administrationFor(service, c, database)
    const info = await resultOf(administration.info(backups, defined({ target })))
    return c.json({ ...info, verdict: assessVerdict(info) }, 200)
  })
  app.openapi(history, async c => {
    const { database } = c.req.valid('param')
    const { days, target } = c.req.valid('query')
    const backups = await service.databases.backups(database, target)
    const { timeZone } = await service.databases.settings(database)
    return c.json({ days: [...historyOf(backups, { days, timeZone, now: service.now() })] }, 200)
  })
}
