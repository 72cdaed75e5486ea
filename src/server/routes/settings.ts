import { createRoute, z } from '@hono/zod-openapi'
import { administrationFor, databaseFor, type ServerApp, type Service } from '../environment.ts'
import { Refusal } from '../problems.ts'
import { idempotencyKey, json, problems } from '../schemas/common.ts'
import {
  channelView,
  notificationsTested,
  scheduleEdit,
  scheduleView,
  type ScheduleView,
} from '../schemas/schedule.ts'
import { settingsView } from '../schemas/settings.ts'
import { accepted, begin, defined, resultOf } from './parts.ts'

const getSchedule = createRoute({
  method: 'get',
  path: '/api/v1/schedule',
  tags: ['Schedule'],
  summary: 'The jobs, their next runs, and how the last ones went',
  responses: { 200: { description: 'The schedule.', content: json(scheduleView) }, ...problems },
})

const editSchedule = createRoute({
  method: 'put',
  path: '/api/v1/schedule',
  tags: ['Schedule'],
  summary: 'Change the schedule, in the configuration file',
  description: 'A scheduler that runs on this configuration file takes it over within seconds.',
  request: { body: { required: true, content: json(scheduleEdit) } },
  responses: { 200: { description: 'The schedule as it is now.', content: json(scheduleView) }, ...problems },
})

const runJob = createRoute({
  method: 'post',
  path: '/api/v1/schedule/jobs/{job}/run',
  tags: ['Schedule'],
  summary: 'Run a job of the schedule now, on each of its databases',
  description:
    'Once, without retries; also while a scheduler is at work, whose state then does not tell of it.',
  request: {
    params: z.object({
      job: z
        .string()
        .min(1)
        .max(64)
        .openapi({ param: { name: 'job', in: 'path' }, description: 'Its name, such as "daily".' }),
    }),
    headers: idempotencyKey,
    body: { required: true, content: json(z.strictObject({})) },
  },
  responses: accepted,
})

const channels = createRoute({
  method: 'get',
  path: '/api/v1/notifications',
  tags: ['Notifications'],
  summary: 'The channels, without their secrets',
  responses: {
    200: { description: 'All of them.', content: json(z.object({ channels: z.array(channelView) })) },
    ...problems,
  },
})

const testChannels = createRoute({
  method: 'post',
  path: '/api/v1/notifications/test',
  tags: ['Notifications'],
  summary: 'Send a test to every channel, or to one',
  request: {
    headers: idempotencyKey,
    body: { required: true, content: json(z.strictObject({ channel: z.string().max(100).optional() })) },
  },
  responses: { 200: { description: 'How it went.', content: json(notificationsTested) }, ...problems },
})

const settings = createRoute({
  method: 'get',
  path: '/api/v1/settings',
  tags: ['Settings'],
  summary: 'What this server is, and where its settings stand',
  responses: { 200: { description: 'Its settings.', content: json(settingsView) }, ...problems },
})

export function addSettingsRoutes(app: ServerApp, service: Service): void {
  app.openapi(getSchedule, async c => c.json(await scheduleOf(service), 200))
  app.openapi(editSchedule, async c => {
    const { database } = await service.databases.settings()
    const administration = await administrationFor(service, c, database)
    const { version, ...schedule } = c.req.valid('json')
    await resultOf(administration.editSettings({ schedule, ...defined({ version }) }))
    return c.json(await scheduleOf(service), 200)
  })
  app.openapi(runJob, async c => {
    const { job } = c.req.valid('param')
    const { database, schedule } = await service.databases.settings()
    if (!schedule.jobs.some(({ name }) => name === job)) {
      throw new Refusal('NOT_FOUND', `There is no job ${JSON.stringify(job)}`, {
        hint: 'The schedule says which there are now.',
      })
    }
    const scheduler = service.databases.scheduler()
    // What it does is noted as the scheduler's.
    await service.databases.record(c.get('principal'), { action: 'job-run', on: job })
    const begun = begin(service, c, {
      kind: 'run-scheduled',
      database,
      subject: job,
      work: ({ signal }) => scheduler.runOnce(job, { signal, beside: true }),
    })
    return c.json(begun, 202)
  })
  app.openapi(channels, async c => {
    const shown = await service.databases.settings()
    return c.json({ channels: [...shown.channels] }, 200)
  })
  app.openapi(testChannels, async c => {
    const { database } = await service.databases.settings()
    const request = { ...defined(c.req.valid('json')), signal: c.req.raw.signal }
    const tested = (await databaseFor(service, c, database)).testNotifications(request)
    return c.json(await resultOf(tested), 200)
  })
  app.openapi(settings, async c => {
    const { editable, database } = await service.databases.settings()
    const { version, startedAt } = service
    return c.json({ version, startedAt: startedAt.toISOString(), defaultDatabase: database, editable }, 200)
  })
}

async function scheduleOf(service: Service): Promise<ScheduleView> {
  const { schedule, backupTypes, editable } = await service.databases.settings()
  const scheduler = service.databases.scheduler()
  const status = await resultOf(scheduler.status())
  const { runs } = await resultOf(scheduler.nextRuns({ limit: 30 }))
  return { ...schedule, types: backupTypes, nextRuns: runs, status, editable }
}
