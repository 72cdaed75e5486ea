import { createRoute, z } from '@hono/zod-openapi'
import { databaseFor, type ServerApp, type Service } from '../environment.ts'
import { Refusal } from '../problems.ts'
import { idempotencyKey, json, problems } from '../schemas/common.ts'
import { targetInfo } from '../schemas/targets.ts'
import { accepted, begin, resultOf } from './parts.ts'

const targets = createRoute({
  method: 'get',
  path: '/api/v1/targets',
  tags: ['Targets'],
  summary: 'Where backups are stored beside the backup directory, and what the last checks saw',
  responses: {
    200: { description: 'All of them.', content: json(z.object({ targets: z.array(targetInfo) })) },
    ...problems,
  },
})

const check = createRoute({
  method: 'post',
  path: '/api/v1/targets/{target}/check',
  tags: ['Targets'],
  summary: 'Try what a target really does, with objects that are deleted again',
  request: {
    headers: idempotencyKey,
    params: z.object({
      target: z
        .string()
        .min(1)
        .max(100)
        .openapi({ param: { name: 'target', in: 'path' }, description: 'Name of a target.' }),
    }),
    body: { required: true, content: json(z.strictObject({})) },
  },
  responses: accepted,
})

const recoverySheet = createRoute({
  method: 'get',
  path: '/api/v1/recovery-sheet',
  tags: ['Targets'],
  summary: 'A page to print, by which somebody else restores when this machine is gone',
  description: 'Of all databases of the configuration, without any secret.',
  responses: {
    200: { description: 'The page.', content: { 'text/plain': { schema: z.string() } } },
    ...problems,
  },
})

export function addTargetRoutes(app: ServerApp, service: Service): void {
  app.openapi(targets, async c => {
    const { database } = await service.databases.settings()
    const listed = await resultOf((await databaseFor(service, c, database)).listTargets())
    return c.json({ targets: [...listed.targets] }, 200)
  })
  app.openapi(recoverySheet, async c => {
    const text = await service.databases.recoverySheet()
    return c.text(text, 200, {
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': 'attachment; filename="recovery-sheet.txt"',
    })
  })
  app.openapi(check, async c => {
    const { target } = c.req.valid('param')
    const settings = await service.databases.settings()
    const database = await databaseFor(service, c, settings.database)
    if (!settings.targets.some(({ name }) => name === target)) {
      throw new Refusal('NOT_FOUND', `There is no target ${JSON.stringify(target)}`, {
        hint: 'The list of targets says which there are.',
      })
    }
    const begun = begin(service, c, {
      kind: 'check-target',
      database: settings.database,
      subject: target,
      work: ({ signal }) => database.checkTarget(target, { signal }),
    })
    return c.json(begun, 202)
  })
}
