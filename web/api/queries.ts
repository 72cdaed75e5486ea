/** What pages read, and how often. Keys begin with the database, so that what changes one forgets only it. */
import { keepPreviousData, queryOptions, useQuery, type UseQueryResult } from '@tanstack/react-query'
import * as calls from './calls.ts'
import { noteSession, queryClient, SESSION_KEY } from './query-client.ts'
import type {
  BackupInfo,
  BackupLookedInside,
  BackupPage,
  DatabaseSummary,
  DatabaseView,
  DayView,
  RetentionView,
  RowsRead,
  ScheduleView,
  Session,
  StoredExport,
} from './types.ts'

const STATE_EVERY_MS = 30_000

const SESSION = queryOptions({
  queryKey: SESSION_KEY,
  queryFn: async () => {
    const session = await calls.findSession()
    noteSession(session)
    return session
  },
  staleTime: Infinity,
})

const DATABASES = queryOptions({
  queryKey: ['databases'],
  queryFn: async ({ signal }) => calls.listDatabases(signal),
})

// oxlint-disable-next-line typescript/explicit-function-return-type -- what it returns has no name of its own
const stateOf = (database: string) =>
  queryOptions({
    queryKey: ['db', database, 'state'],
    queryFn: async ({ signal }) => calls.getDatabase(database, signal),
  })

/**
 * Asks for the overview while nothing is drawn yet: each answer leads to the next question, and drawing what is around the
 * page in between would hold them up. What fails is asked again, and said, by the page.
 */
export async function askForOverview(): Promise<void> {
  const session = await queryClient.ensureQueryData(SESSION)
  if (session === null) return
  const databases = await queryClient.ensureQueryData(DATABASES)
  await Promise.all(databases.map(async ({ name }) => queryClient.prefetchQuery(stateOf(name))))
}

/** Who is logged in; null when nobody is. */
export function useSessionQuery(): UseQueryResult<Session | null> {
  return useQuery({ ...SESSION, refetchOnWindowFocus: 'always' })
}

export function useDatabases(): UseQueryResult<readonly DatabaseSummary[]> {
  return useQuery(DATABASES)
}

export function useDatabase(database: string): UseQueryResult<DatabaseView> {
  return useQuery({ ...stateOf(database), refetchInterval: STATE_EVERY_MS })
}

export function useHistory(database: string): UseQueryResult<readonly DayView[]> {
  return useQuery({
    queryKey: ['db', database, 'history'],
    queryFn: async ({ signal }) => calls.getHistory(database, signal),
    refetchInterval: STATE_EVERY_MS,
  })
}

export function useBackups(database: string, filter: calls.BackupFilter): UseQueryResult<BackupPage> {
  return useQuery({
    queryKey: ['db', database, 'backups', filter],
    queryFn: async ({ signal }) => calls.listBackups(database, filter, signal),
    placeholderData: keepPreviousData,
    refetchInterval: STATE_EVERY_MS,
  })
}

export function useBackup(database: string, backup: string): UseQueryResult<BackupInfo> {
  return useQuery({
    queryKey: ['db', database, 'backup', backup],
    queryFn: async ({ signal }) => calls.getBackup(database, backup, signal),
  })
}

/** A stored backup does not change, so nothing of it is asked for twice. */
export function useTables(database: string, backup: string): UseQueryResult<BackupLookedInside> {
  return useQuery({
    queryKey: ['db', database, 'inside', backup],
    queryFn: async ({ signal }) => calls.lookInside(database, backup, signal),
    staleTime: Infinity,
  })
}

/** Rows, and which they are: those before them are shown while they are on their way. */
export interface RowsShown extends RowsRead {
  readonly offset: number
}

export function useRows(
  database: string,
  from: { readonly backup: string; readonly table: string },
  wanted: calls.RowsWanted,
): UseQueryResult<RowsShown> {
  return useQuery({
    queryKey: ['db', database, 'inside', from.backup, 'rows', from.table, wanted],
    queryFn: async ({ signal }) => {
      const rows = await calls.readRows(database, from, wanted, signal)
      return { ...rows, offset: wanted.offset }
    },
    placeholderData: (previous, query) => (query?.queryKey[5] === from.table ? previous : undefined),
    staleTime: Infinity,
  })
}

export function useExports(database: string): UseQueryResult<readonly StoredExport[]> {
  return useQuery({
    queryKey: ['db', database, 'exports'],
    queryFn: async ({ signal }) => calls.listExports(database, signal),
  })
}

export function useRetention(database: string): UseQueryResult<RetentionView> {
  return useQuery({
    queryKey: ['db', database, 'retention'],
    queryFn: async ({ signal }) => calls.getRetention(database, signal),
  })
}

export function useSchedule(): UseQueryResult<ScheduleView> {
  return useQuery({
    queryKey: ['schedule'],
    queryFn: async ({ signal }) => calls.getSchedule(signal),
    refetchInterval: STATE_EVERY_MS,
  })
}
