import { assembleInfo } from './assemble-info.ts'
import type { Context } from './context.ts'
import { describeDatabase } from './describe-database.ts'
import { listStored } from './list-stored.ts'
import type { Info, InfoRequest } from './reports.ts'

/** The state of the database, its backups, and the space for the next one. A database that cannot be read is part of the answer. */
export async function getInfo(request: InfoRequest, context: Context): Promise<Info> {
  const described = await describeDatabase({}, context)
  const backups = await listStored(request.target, { database: context.settings.name }, context)
  return await assembleInfo(request, described, backups, context)
}
