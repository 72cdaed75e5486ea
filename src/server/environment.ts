/** What every route is given: who asks, and the parts of the server. */
import type { HttpBindings } from '@hono/node-server'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { AccessStore, Administration, Database, KeptImages, Role } from '../index.ts'
import type { Databases } from './databases.ts'
import type { IdempotencyBook } from './idempotency.ts'
import type { JobBook } from './job-book.ts'
import type { ServerLog } from './log.ts'
import type { PaceLimits } from './pace.ts'
import type { PlanBook } from './plan-book.ts'
import type { Rest } from './rest.ts'
import type { UploadBody } from './request-body.ts'
import type { StreamBook } from './stream-book.ts'
import type { LockOut } from './auth/lock-out.ts'
import type { SessionBook } from './auth/session-book.ts'

/** Who asks. */
export interface Principal {
  /** As the audit log names it. */
  readonly name: string
  readonly role: Role
  readonly via: 'token' | 'session'
  /** Of the token, or of the one that the session was opened with; null for a log-in link. */
  readonly tokenId: string | null
  readonly expiresAt: string | null
  readonly csrfToken: string | null
  /** Whether it still holds: asked again and again while a stream goes on. Throws when nobody can say. */
  stillHolds(): Promise<boolean>
}

export interface AppEnv {
  readonly Variables: {
    readonly principal: Principal
    /** Of this one request, in answers and in the log. */
    readonly instance: string
    /** The body, where it is a file. */
    readonly upload: UploadBody
  }
  readonly Bindings: HttpBindings
}

export type ServerApp = OpenAPIHono<AppEnv>
export type RequestContext = Context<AppEnv>

/** The parts of the server that routes work with. */
export interface Service {
  readonly databases: Databases
  /** Of backups that are looked into. */
  readonly images: KeptImages
  readonly jobs: JobBook
  readonly plans: PlanBook
  readonly sessions: SessionBook
  readonly lockOut: LockOut
  readonly streams: StreamBook
  /** Of downloads. */
  readonly pace: PaceLimits
  readonly idempotency: IdempotencyBook
  readonly rest: Rest
  readonly access: AccessStore
  readonly log: ServerLog
  readonly now: () => Date
  /** When the server started. */
  readonly startedAt: Date
  readonly version: string
  /** Whether requests come by TLS. */
  readonly isSecure: boolean
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal
}

/** What administers a database, as the one who asks. */
export function administrationFor(
  service: Service,
  c: RequestContext,
  name: string,
): Promise<Administration> {
  return service.databases.administration(name, c.get('principal'))
}

/** A database as the one who asks, for the audit log. */
export function databaseFor(service: Service, c: RequestContext, name: string): Promise<Database> {
  return service.databases.open(name, c.get('principal'))
}
