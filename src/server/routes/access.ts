/** Logging in and out, tokens, and what everybody did. */
import { createRoute, z } from '@hono/zod-openapi'
import { logIn, logOut } from '../auth/log-in.ts'
import type { Administration } from '../../index.ts'
import {
  administrationFor,
  databaseFor,
  type RequestContext,
  type ServerApp,
  type Service,
} from '../environment.ts'
import { Refusal } from '../problems.ts'
import { auditLogRead, auditLogVerified, role, session, token } from '../schemas/access.ts'
import { count, idempotencyKey, json, problems, targetName } from '../schemas/common.ts'
import { accepted, begin, defined, resultOf } from './parts.ts'

const open = createRoute({
  method: 'post',
  path: '/api/v1/session',
  tags: ['Access'],
  summary: 'Log in to the console, by an API token or a log-in link',
  request: {
    body: {
      required: true,
      content: json(
        z.union([
          z.strictObject({ token: z.string().min(1).max(200) }),
          z.strictObject({
            link: z.string().min(1).max(200).describe('What stands behind # in the log-in link.'),
          }),
        ]),
      ),
    },
  },
  responses: { 200: { description: 'The session; its cookie is set.', content: json(session) }, ...problems },
})

const show = createRoute({
  method: 'get',
  path: '/api/v1/session',
  tags: ['Access'],
  summary: 'Who asks, and what they may do',
  responses: { 200: { description: 'The caller.', content: json(session) }, ...problems },
})

const close = createRoute({
  method: 'delete',
  path: '/api/v1/session',
  tags: ['Access'],
  summary: 'Log out',
  responses: { 204: { description: 'The session is over.' }, ...problems },
})

const listTokens = createRoute({
  method: 'get',
  path: '/api/v1/tokens',
  tags: ['Access'],
  summary: 'The API tokens, without their secrets',
  responses: {
    200: { description: 'All of them.', content: json(z.object({ tokens: z.array(token) })) },
    ...problems,
  },
})

const createToken = createRoute({
  method: 'post',
  path: '/api/v1/tokens',
  tags: ['Access'],
  summary: 'Make an API token',
  request: {
    body: {
      required: true,
      content: json(
        z.strictObject({
          name: z.string().trim().min(1).max(100),
          role,
          expiresAt: z.iso.datetime().nullable().optional().describe('Default, and null: never.'),
        }),
      ),
    },
  },
  responses: {
    201: {
      description: 'The token. Its secret is shown here, and never again.',
      content: json(z.object({ secret: z.string(), token })),
    },
    ...problems,
  },
})

const revokeToken = createRoute({
  method: 'delete',
  path: '/api/v1/tokens/{token}',
  tags: ['Access'],
  summary: 'Revoke an API token, and the sessions opened with it',
  request: {
    params: z.object({
      token: z
        .string()
        .regex(/^[0-9a-f]{16}$/, 'expected the id of a token')
        .openapi({ param: { name: 'token', in: 'path' }, description: 'Id of a token.' }),
    }),
  },
  responses: { 200: { description: 'The token as it was.', content: json(token) }, ...problems },
})

const audit = createRoute({
  method: 'get',
  path: '/api/v1/audit',
  tags: ['Audit'],
  summary: 'Who did what, newest first',
  request: {
    query: z.object({
      limit: count(1000, 50),
      before: z
        .string()
        .regex(/^\d{1,15}$/)
        .optional()
        .openapi({ description: 'Only entries with a lower seq: the lowest of the page before.' }),
      database: z.string().max(64).optional().openapi({ description: 'Whose log. Default: the default.' }),
    }),
  },
  responses: { 200: { description: 'One page.', content: json(auditLogRead) }, ...problems },
})

const verifyAudit = createRoute({
  method: 'get',
  path: '/api/v1/audit/verify',
  tags: ['Audit'],
  summary: 'Whether a line of the audit log was changed, removed or put elsewhere',
  request: { query: z.object({ database: z.string().max(64).optional() }) },
  responses: { 200: { description: 'What was found.', content: json(auditLogVerified) }, ...problems },
})

const compareAudit = createRoute({
  method: 'post',
  path: '/api/v1/audit/verify',
  tags: ['Audit'],
  summary: 'Whether the audit log is what targets know of it',
  request: {
    headers: idempotencyKey,
    body: {
      required: true,
      content: json(
        z.strictObject({
          database: z.string().max(64).optional().describe('Whose log. Default: the default.'),
          targets: z
            .array(targetName)
            .min(1)
            .max(100)
            .optional()
            .describe('Names of targets. Default: all of the configuration.'),
        }),
      ),
    },
  },
  responses: accepted,
})

export function addAccessRoutes(app: ServerApp, service: Service): void {
  app.openapi(open, async c => c.json(await logIn(service, c, c.req.valid('json')), 200))
  app.openapi(show, c => {
    const { name, role: has, via, expiresAt, csrfToken } = c.get('principal')
    return c.json({ name, role: has, via, expiresAt, csrfToken }, 200)
  })
  app.openapi(close, c => {
    logOut(service, c)
    return c.body(null, 204)
  })
  app.openapi(listTokens, async c => c.json({ tokens: [...(await service.access.listTokens())] }, 200))
  app.openapi(createToken, async c => {
    const { name, role: given, expiresAt } = c.req.valid('json')
    const administration = await defaultAdministration(service, c)
    const { secret, token: made } = await resultOf(
      administration.createToken({
        name,
        role: given,
        ...(typeof expiresAt === 'string' ? { expires: expiresAt } : {}),
      }),
    )
    return c.json({ secret, token: made }, 201)
  })
  app.openapi(revokeToken, async c => {
    const { token: id } = c.req.valid('param')
    if (!(await service.access.listTokens()).some(each => each.id === id)) {
      throw new Refusal('NOT_FOUND', 'There is no such token', {
        hint: 'The list of tokens says which there are now.',
      })
    }
    const administration = await defaultAdministration(service, c)
    const { token: revoked } = await resultOf(administration.revokeToken(id))
    service.sessions.closeOf(revoked.id)
    return c.json(revoked, 200)
  })
  app.openapi(audit, async c => {
    const { limit, before, database: name } = c.req.valid('query')
    const database = await databaseFor(service, c, name ?? (await service.databases.settings()).database)
    const request = { limit, ...defined({ before: before === undefined ? undefined : Number(before) }) }
    return c.json(await resultOf(database.auditLog(request)), 200)
  })
  app.openapi(verifyAudit, async c => {
    const { database: name } = c.req.valid('query')
    const database = await databaseFor(service, c, name ?? (await service.databases.settings()).database)
    return c.json(await resultOf(database.verifyAuditLog()), 200)
  })
  app.openapi(compareAudit, async c => {
    const { database: name, targets = 'all' } = c.req.valid('json')
    const whose = name ?? (await service.databases.settings()).database
    const database = await databaseFor(service, c, whose)
    const begun = begin(service, c, {
      kind: 'verify-audit',
      database: whose,
      work: run => database.verifyAuditLog({ ...run, targets }),
    })
    return c.json(begun, 202)
  })
}

/** The tokens are those of the default database's backup directory. */
async function defaultAdministration(service: Service, c: RequestContext): Promise<Administration> {
  return administrationFor(service, c, (await service.databases.settings()).database)
}
