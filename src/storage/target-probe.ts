/** What can be found out about a target beyond what every kind does. */
import type { TransferOptions } from './target.ts'

/** What a check found out, and how a target is used because of it. */
export interface TargetCapabilities {
  /** Of several that put the same key at once and unless it is taken, one wins, always. */
  readonly conditionalPut: boolean
}

type Options = Pick<TransferOptions, 'signal'>

/** Asks a server what it really does. Whatever it puts, it puts under keys that it was given. */
export interface KindProbe extends AsyncDisposable {
  /** The clock here less the server's, in milliseconds; null when it does not tell. */
  clockSkewMs(options: Options): Promise<number | null>
  /** Whether bytes that are not those of their hash are refused. */
  refusesWrongBytes(
    key: string,
    options: Options,
  ): Promise<{ readonly md5: boolean; readonly sha256: boolean }>
  /** Puts an object that is locked for seconds, tries to delete it for good, and does so once it may. */
  keepsLocked(key: string, options: Options): Promise<'kept' | 'deleted' | 'not-locked'>
}
