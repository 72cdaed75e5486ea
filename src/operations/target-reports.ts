/** What the operations for targets are asked and what they answer; the others' are in reports.ts. */
import type { ErrorCode } from '../errors.ts'
import type { TargetKind } from '../storage/target.ts'

/** In the order in which they are tried. */
export const TARGET_PROBES = [
  'put',
  'get',
  'range',
  'list',
  'paging',
  'multipart',
  'checksum',
  'clock',
  'put-if-absent',
  'race',
  'object-lock',
  'free-space',
  'delete',
] as const

export type TargetProbeName = (typeof TARGET_PROBES)[number]

/** One thing that was tried. */
export interface TargetProbe {
  readonly probe: TargetProbeName
  /** `no`: it does not, and need not. `failed`: it does not, and has to. `skipped`: it has no meaning there. */
  readonly status: 'yes' | 'no' | 'failed' | 'skipped'
  /** What was seen, as one sentence without a full stop. */
  readonly detail: string
  /** Why, where something refused. */
  readonly code?: ErrorCode
  readonly hint?: string
}

/** What is known of a target by trying it. */
export interface TargetCheck {
  /** UTC, ISO 8601. */
  readonly checkedAt: string
  /** `failed`: it cannot be used as it is. */
  readonly status: 'usable' | 'failed'
  readonly probes: readonly TargetProbe[]
  /** What to know before relying on it, each a sentence. */
  readonly warnings: readonly string[]
  /** Objects of the check that could not be deleted. */
  readonly left: readonly string[]
}

export interface TargetInfo {
  readonly name: string
  readonly kind: TargetKind
  /** Where it is, without any secret: "s3://bucket/prefix", a path, … */
  readonly place: string
  readonly appendOnly: boolean
  /** Null: never checked. */
  readonly check: TargetCheck | null
}

export interface CheckTargetRequest {
  readonly signal?: AbortSignal
}

export interface TargetsChecked {
  readonly success: true
  /** `failed`: one of them at least cannot be used as it is. */
  readonly status: 'usable' | 'failed'
  /** In the order of the configuration. */
  readonly targets: readonly (TargetInfo & { readonly check: TargetCheck })[]
}

export interface TargetsListed {
  readonly success: true
  /** In the order of the configuration. */
  readonly targets: readonly TargetInfo[]
}
