/** Decides which ways of redacting a column are open, in the order in which they are tried. Reads nothing. */
import type { RedactionWay } from '../model.ts'
import type { FakeKind } from './fake-kinds.ts'

/** What a column's constraints say of the values that may stand in it. */
export interface ColumnConstraints {
  readonly notNull: boolean
  /** Member of the PRIMARY KEY. */
  readonly pk: boolean
  /** Member of any unique index or constraint. */
  readonly unique: boolean
  /** Tied by a foreign key, on either side. */
  readonly tied: boolean
}

/** One concrete way. Several may be of one kind, because a CHECK refuses the first. */
export type RedactionStep =
  | { readonly how: 'omit' }
  | { readonly how: 'null' }
  /** `text` stands for all texts; other classes have their own. */
  | { readonly how: 'fixed'; readonly text: string }
  | { readonly how: 'mask'; readonly isUnique: boolean }
  | { readonly how: 'hash'; readonly isShaped: boolean }
  | { readonly how: 'fake'; readonly isUnique: boolean; readonly kind: FakeKind }

/** What a CHECK that wants JSON, digits or an empty text lets pass. */
const FIXED_TEXTS = ['redacted', '{}', '[]', '0', '']

/**
 * The wanted way first, then those that say less before those that say more. NULL is no way where it is not
 * allowed, one fixed value none where values must differ; where foreign keys tie columns, only ways that
 * make equal values of equal ones are.
 */
export function stepsFor(
  wanted: RedactionWay,
  constraints: ColumnConstraints,
  kind: FakeKind,
): RedactionStep[] {
  const mustDiffer = constraints.unique || constraints.pk || constraints.tied
  const nullable = !constraints.notNull && !constraints.pk
  const open: Readonly<Record<RedactionWay, readonly RedactionStep[]>> = {
    omit: constraints.tied ? [] : [{ how: 'omit' }],
    null: nullable ? [{ how: 'null' }] : [],
    fixed: mustDiffer ? [] : FIXED_TEXTS.map(text => ({ how: 'fixed', text })),
    mask: [{ how: 'mask', isUnique: mustDiffer }],
    hash: [
      { how: 'hash', isShaped: false },
      { how: 'hash', isShaped: true },
    ],
    fake: [{ how: 'fake', isUnique: mustDiffer, kind }],
  }
  // What is to tell values apart and cannot do it in one way should do it in another.
  const rest: readonly RedactionWay[] =
    wanted === 'omit' || wanted === 'null' || wanted === 'fixed'
      ? ['null', 'fixed', ...(mustDiffer ? [] : (['mask'] as const)), 'hash']
      : ['hash', 'null', 'fixed', 'mask']
  return [...new Set<RedactionWay>([wanted, ...rest])].flatMap(way => open[way])
}
