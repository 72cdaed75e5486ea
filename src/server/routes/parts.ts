/** What the routes have in common. */
import { z } from '@hono/zod-openapi'
import type { BackupInfo, Failure, Role } from '../../index.ts'
import type { RequestContext, Service } from '../environment.ts'
import type { JobWork } from '../job-book.ts'
import { Refusal, succeeded } from '../problems.ts'
import { json, problems } from '../schemas/common.ts'
import { type Job, type JobKind, type JobResults, job } from '../schemas/jobs.ts'

/** `202`: the work was begun, or waits for its turn. */
export const accepted: {
  readonly 202: {
    readonly description: string
    readonly headers: z.ZodObject<{ Location: z.ZodString }>
    readonly content: { readonly 'application/json': { readonly schema: typeof job } }
  }
  readonly default: typeof problems.default
} = {
  202: {
    description: 'The work has begun, or waits for its turn. Ask for it at Location.',
    headers: z.object({ Location: z.string() }),
    content: json(job),
  },
  ...problems,
}

/** Begins a job, for one who may see it by its id. */
export function begin<Kind extends JobKind>(
  service: Service,
  c: RequestContext,
  order: {
    readonly kind: Kind
    readonly database: string
    readonly subject?: string | null
    /** Who may see its result. Default: operators. */
    readonly needs?: Role
    readonly work: JobWork<JobResults[Kind]>
  },
): Job {
  const { name } = c.get('principal')
  const work: typeof order.work = async run => {
    try {
      return await order.work(run)
    } finally {
      // Before anybody is told that it has ended.
      service.databases.changed()
    }
  }
  const begun = service.jobs.begin({ subject: null, needs: 'operator', ...order, work, by: name })
  c.header('Location', `/api/v1/jobs/${begun.id}`)
  return begun
}

/**
 * The backup of a database that a request names, from the catalog, of the backup directory or of a target. What a request
 * says is compared with names, and never becomes a path. Refused as `BACKUP_NOT_FOUND`.
 */
export async function findBackup(
  service: Service,
  database: string,
  wanted: string,
  target: string | undefined,
): Promise<BackupInfo> {
  return service.databases.findBackup(database, wanted, target)
}

/** The same where perhaps none is named: null is the live database, which is at no target. */
export async function findIfNamed(
  service: Service,
  database: string,
  wanted: string | null | undefined,
  target: string | undefined,
): Promise<BackupInfo | null> {
  if (wanted !== null && wanted !== undefined) return findBackup(service, database, wanted, target)
  if (target === undefined) return null
  throw new Refusal('REQUEST_INVALID', 'A target is named, and no backup that is to be there', {
    hint: 'Give the file name of a backup as from, or leave the target out.',
  })
}

/** Where a backup is, as operations are told. Its path says so too; this is what the audit log notes. */
export function placeOf({ target }: BackupInfo): { readonly target?: string } {
  return target === null ? {} : { target }
}

/** Throws unless the caller may do more than the route itself asks for. */
export function requireAdmin(c: RequestContext, what: string): void {
  if (c.get('principal').role === 'admin') return
  throw new Refusal('FORBIDDEN', `${what} needs the role admin`, { hint: 'Ask an admin, or leave it out.' })
}

/** The result of a call on the library, or its failure as an answer. */
export async function resultOf<Result extends { readonly success: true }>(
  call: Promise<Result | Failure>,
): Promise<Result> {
  return succeeded(await call)
}

type Defined<T> = { -readonly [Key in keyof T]: Exclude<T[Key], undefined> }

/** `values` without the ones that were not given. */
export function defined<T extends object>(values: T): Partial<Defined<T>> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Partial<Defined<T>>
}
