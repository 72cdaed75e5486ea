/** What passes between the host and an engine process. */
import type { Failure } from '../errors.ts'
import type { Progress } from '../operations/reports.ts'
import type { Job } from './here.ts'

export type ToEngine = { readonly kind: 'run'; readonly job: Job } | { readonly kind: 'cancel' }

export type FromEngine =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | {
      readonly kind: 'result'
      readonly result: { readonly success: true } | Failure
      readonly isReusable: boolean
    }
