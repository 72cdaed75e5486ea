/** What is worth telling somebody who is not looking. */
export type NotifyEvent =
  | { kind: 'job-started'; database: string; job: string; at: Date }
  | { kind: 'job-succeeded'; database: string; job: string; at: Date; durationMs: number }
  | {
      kind: 'failed'
      database: string
      job: string
      at: Date
      code: string
      message: string
      hint?: string
      failingSince: Date
      attempts: number
    }
  | { kind: 'recovered'; database: string; job: string; at: Date; failedSince: Date }
  | { kind: 'overdue'; database: string; at: Date; lastGoodAt: Date | null; maxAgeHours: number }
  | {
      kind: 'digest'
      at: Date
      from: Date
      databases: readonly {
        database: string
        verdict: 'protected' | 'at-risk' | 'failing'
        lastGoodAt: Date | null
        backups: number
        bytes: number
        failures: number
        lastDrill: { at: Date; passed: boolean } | null
      }[]
    }
  | { kind: 'test'; at: Date }
