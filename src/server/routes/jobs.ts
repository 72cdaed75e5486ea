import { createRoute, z } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import type { ServerApp, Service } from '../environment.ts'
import { followJob } from '../follow-job.ts'
import { idempotencyKey, json, problems } from '../schemas/common.ts'
import { job } from '../schemas/jobs.ts'

const tags = ['Jobs']

const onJob = z.object({
  job: z
    .string()
    .regex(/^job_[0-9a-f]{16}$/, 'expected the id of a job')
    .openapi({ param: { name: 'job', in: 'path' }, description: 'Id of a job.' }),
})

const list = createRoute({
  method: 'get',
  path: '/api/v1/jobs',
  tags,
  summary: 'What is being done, and what was done lately',
  request: {
    query: z.object({
      database: z.string().max(64).optional(),
      status: z.enum(['active', 'ended']).optional(),
    }),
  },
  responses: {
    200: { description: 'Newest first.', content: json(z.object({ jobs: z.array(job) })) },
    ...problems,
  },
})

const get = createRoute({
  method: 'get',
  path: '/api/v1/jobs/{job}',
  tags,
  summary: 'One job',
  request: { params: onJob },
  responses: { 200: { description: 'The job.', content: json(job) }, ...problems },
})

const events = createRoute({
  method: 'get',
  path: '/api/v1/jobs/{job}/events',
  tags,
  summary: 'The progress of a job, as server-sent events',
  description:
    'Each event "job" has the whole job as its data; the last one says how it ended, and the stream ends. After Last-Event-ID only what is newer is sent.',
  request: {
    params: onJob,
    headers: z.object({
      'last-event-id': z
        .string()
        .regex(/^\d{1,9}$/)
        .optional(),
    }),
  },
  responses: {
    200: { description: 'The events.', content: { 'text/event-stream': { schema: z.string() } } },
    ...problems,
  },
})

const cancel = createRoute({
  method: 'post',
  path: '/api/v1/jobs/{job}/cancel',
  tags,
  summary: 'Cancel a job',
  request: {
    params: onJob,
    headers: idempotencyKey,
    body: { required: true, content: json(z.strictObject({})) },
  },
  responses: {
    200: {
      description: 'The job; it ends in a moment. One that has ended stays as it is.',
      content: json(job),
    },
    ...problems,
  },
})

export function addJobRoutes(app: ServerApp, service: Service): void {
  app.openapi(list, c => {
    const { database, status } = c.req.valid('query')
    const jobs = service.jobs
      .list(c.get('principal').role)
      .filter(each => database === undefined || each.database === database)
      .filter(each => status === undefined || (each.endedAt === null) === (status === 'active'))
    return c.json({ jobs }, 200)
  })
  app.openapi(get, c => c.json(service.jobs.get(c.req.valid('param').job, c.get('principal').role), 200))
  app.openapi(events, c => {
    const id = c.req.valid('param').job
    service.jobs.get(id, c.get('principal').role)
    // Nobody reads the stream of a HEAD, and nobody would end it.
    if (c.req.method === 'HEAD') {
      return new Response(null, { headers: { 'content-type': 'text/event-stream' } })
    }
    const after = Number(c.req.valid('header')['last-event-id'] ?? -1)
    const release = service.streams.enter(c.get('principal'))
    return streamSSE(c, async stream => {
      try {
        await followJob(stream, { service, principal: c.get('principal'), id, after })
      } finally {
        release()
      }
    })
  })
  app.openapi(cancel, async c => {
    const { job: id } = c.req.valid('param')
    const principal = c.get('principal')
    const { kind, by, database, endedAt } = service.jobs.get(id, principal.role)
    service.jobs.cancel(id)
    // The operation notes who began it, and that it was cancelled.
    const event = { action: 'job-cancel', on: id, database, parameters: { kind, by } }
    if (endedAt === null) await service.databases.record(principal, event)
    return c.json(service.jobs.get(id, principal.role), 200)
  })
}
