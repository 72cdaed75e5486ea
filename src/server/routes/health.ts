import { createRoute, z } from '@hono/zod-openapi'
import type { ServerApp, Service } from '../environment.ts'
import { openApiDocument } from '../open-api.ts'
import { Refusal } from '../problems.ts'
import { json, problems } from '../schemas/common.ts'

const healthz = createRoute({
  method: 'get',
  path: '/healthz',
  tags: ['Monitoring'],
  summary: 'Whether the server answers',
  responses: {
    200: { description: 'It does.', content: json(z.object({ status: z.literal('ok') })) },
    ...problems,
  },
})

const readyz = createRoute({
  method: 'get',
  path: '/readyz',
  tags: ['Monitoring'],
  summary: 'Whether the server can do its work: its configuration, its tokens and its catalogs can be read',
  responses: {
    200: { description: 'It can.', content: json(z.object({ status: z.literal('ready') })) },
    ...problems,
  },
})

const metrics = createRoute({
  method: 'get',
  path: '/api/v1/metrics',
  tags: ['Monitoring'],
  summary: 'The state of the backups, in the text format of Prometheus',
  responses: {
    200: { description: 'The metrics.', content: { 'text/plain': { schema: z.string() } } },
    ...problems,
  },
})

export function addHealthRoutes(app: ServerApp, service: Service): void {
  app.openapi(healthz, c => c.json({ status: 'ok' as const }, 200))
  let underway: Promise<void> | null = null
  app.openapi(readyz, async c => {
    if (service.stopping.aborted) throw new Refusal('UNAVAILABLE', 'The server is stopping')
    try {
      // Anybody may ask, and as often as he likes: those who do at once are answered by one look.
      underway ??= look(service).finally(() => (underway = null))
      await underway
    } catch (error) {
      // Anybody may ask this; why is in the log.
      throw new Refusal('UNAVAILABLE', 'The server cannot do its work', {
        hint: 'The log of the server says why.',
        cause: error,
      })
    }
    return c.json({ status: 'ready' as const }, 200)
  })
  app.openapi(metrics, async c => {
    const text = await service.databases.metrics(c.req.raw.signal)
    return c.text(text, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  })
  let document: string | null = null
  app.get('/api/v1/openapi.json', c => {
    document ??= JSON.stringify(openApiDocument(app, service.version))
    return c.body(document, 200, { 'content-type': 'application/json' })
  })
}

/** Throws for the first thing that cannot be read. */
async function look({ access, databases }: Service): Promise<void> {
  await access.listTokens()
  await databases.readAll()
}
