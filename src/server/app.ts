import { randomUUID } from 'node:crypto'
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppEnv, RequestContext, ServerApp, Service } from './environment.ts'
import { guard, SAFE } from './guard.ts'
import { securityHeaders } from './headers.ts'
import { logProblem } from './log-problems.ts'
import { pointerOf, problemOf, problemResponse, Refusal } from './problems.ts'
import type { FieldProblem } from './schemas/common.ts'
import { addAccessRoutes } from './routes/access.ts'
import { addBackupRoutes } from './routes/backups.ts'
import { addConsoleRoutes } from './routes/console.ts'
import { addDatabaseRoutes } from './routes/databases.ts'
import { addExportRoutes } from './routes/exports.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addJobRoutes } from './routes/jobs.ts'
import { addLookRoutes } from './routes/look.ts'
import { addRestoreRoutes } from './routes/restore.ts'
import { addRetentionRoutes } from './routes/retention.ts'
import { addSettingsRoutes } from './routes/settings.ts'
import { addTargetRoutes } from './routes/targets.ts'
import { addTransferRoutes } from './routes/transfer.ts'

export interface AppOptions {
  /** Names that Host headers may have. */
  readonly hosts: ReadonlySet<string>
  /** Directory of the built console; null where it is not there. */
  readonly consoleDirectory: string | null
}

/** All routes, behind the guard. Answers whatever happens with what every answer carries. */
export function makeApp(service: Service, { hosts, consoleDirectory }: AppOptions): ServerApp {
  const app: ServerApp = new OpenAPIHono<AppEnv>({
    defaultHook: result => {
      if (result.success) return
      throw new Refusal(
        'REQUEST_INVALID',
        `The ${PLACES[result.target] ?? result.target} of the request is not valid`,
        {
          hint: z.prettifyError(result.error),
          ...(result.target === 'json'
            ? { errors: result.error.issues.flatMap(issue => fieldProblems(issue)) }
            : {}),
        },
      )
    },
  })
  app.use('*', async (c, next) => {
    const started = performance.now()
    c.set('instance', `urn:uuid:${randomUUID()}`)
    try {
      await next()
    } catch (error) {
      // What libraries throw need not be an error; Hono leaves such to the socket.
      c.res = answerError(service, c, error)
    }
    if (!SAFE.includes(c.req.method)) service.databases.changed()
    for (const [name, value] of Object.entries(securityHeaders(service))) c.res.headers.set(name, value)
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store')
    logAccess(service, c, performance.now() - started)
    service.rest.disturb()
  })
  app.use('*', guard(service, hosts))
  // Before those that take any name for a backup's.
  addTransferRoutes(app, service)
  addDatabaseRoutes(app, service)
  addBackupRoutes(app, service)
  addRestoreRoutes(app, service)
  addLookRoutes(app, service)
  addExportRoutes(app, service)
  addRetentionRoutes(app, service)
  addSettingsRoutes(app, service)
  addTargetRoutes(app, service)
  addJobRoutes(app, service)
  addAccessRoutes(app, service)
  addHealthRoutes(app, service)
  addConsoleRoutes(app, consoleDirectory)
  app.onError((error, c) => answerError(service, c, error))
  app.notFound(c => answerError(service, c, new Refusal('NOT_FOUND', 'There is nothing here')))
  return app
}

/** Each value that is wrong. */
function fieldProblems(issue: z.core.$ZodIssue, before: readonly PropertyKey[] = []): FieldProblem[] {
  const path = [...before, ...issue.path]
  const meant = issue.code === 'invalid_union' ? issue.errors.find(isMeant) : undefined
  if (meant !== undefined) return meant.flatMap(each => fieldProblems(each, path))
  return [{ pointer: pointerOf(path), detail: issue.message }]
}

/** Whether the value is of this kind among several, and only something about it or in it is wrong. */
function isMeant(issues: readonly z.core.$ZodIssue[]): boolean {
  return issues.every(
    ({ code, path }) => path.length > 0 || (code !== 'invalid_type' && code !== 'invalid_value'),
  )
}

const PLACES: Readonly<Record<string, string>> = {
  param: 'path',
  query: 'query',
  header: 'headers',
  json: 'body',
}

function answerError(service: Service, c: RequestContext, error: unknown): Response {
  const instance = c.get('instance')
  const problem = problemOf(error, instance)
  if (problem.status >= 500) logProblem(service.log, problem, error)
  return problemResponse(problem, error instanceof Refusal ? error.headers : {})
}

/** Without its query, which may have what somebody searched for; names in the path are as safe as JSON makes them. */
function logAccess(service: Service, c: RequestContext, durationMs: number): void {
  service.log.debug(
    {
      event: 'request',
      instance: c.get('instance'),
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms: Math.round(durationMs),
      who: (c.get('principal') as { name: string } | undefined)?.name ?? null,
    },
    'A request was answered',
  )
}
