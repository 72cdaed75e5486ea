/** Another machine, or the target itself, that does something at an instant which the test chooses. */
import type { Context } from '../../src/operations/context.ts'
import { openConfigured } from '../../src/operations/open-configured.ts'
import type { Target } from '../../src/storage/target.ts'
import { contextOf, type ContextOptions } from '../support/operation.ts'
import type { Place } from './place.ts'

type Call = 'put' | 'putIfAbsent' | 'get' | 'head' | 'list' | 'delete'

export interface Meanwhile {
  /** Called with a key, or with the prefix of a listing; what it throws is the target's answer. */
  readonly before?: (call: Call, key: string) => void
  readonly after?: (call: Call, key: string) => void
}

/** A target that works as it does, but that something happens just before and just after it is asked. */
export function during(target: Target, { before = () => {}, after = () => {} }: Meanwhile): Target {
  const around = async <T>(call: Call, key: string, act: () => Promise<T>): Promise<T> => {
    before(call, key)
    const answer = await act()
    after(call, key)
    return answer
  }
  const through = async function* <T>(
    call: Call,
    key: string,
    act: () => AsyncIterable<T>,
  ): AsyncGenerator<T, void, void> {
    before(call, key)
    yield* act()
    after(call, key)
  }
  return {
    ...target,
    put: (key, content, options) => around('put', key, () => target.put(key, content, options)),
    putIfAbsent: (key, bytes, options) =>
      around('putIfAbsent', key, () => target.putIfAbsent(key, bytes, options)),
    head: (key, options) => around('head', key, () => target.head(key, options)),
    delete: (key, options) => around('delete', key, () => target.delete(key, options)),
    get: (key, options) => through('get', key, () => target.get(key, options)),
    list: (prefix, options) => through('list', prefix, () => target.list(prefix, options)),
  }
}

/** The context of an operation at a place whose targets are so. */
export function contextDuring(
  place: Place,
  meanwhile: Meanwhile,
  more: Omit<ContextOptions, 'path'> = {},
): Context {
  const context = contextOf({ path: place.databasePath, ...more })
  const openTarget = async (name: string): Promise<Target> =>
    during(await openConfigured(context.settings, name, {}), meanwhile)
  return { ...context, openTarget }
}

/** Before the n-th time that the target is asked for something. */
export function before(call: string, key: string, act: () => void, nth = 1): Meanwhile {
  let times = 0
  return {
    before(asked, of) {
      if (asked === call && of === key && ++times === nth) act()
    },
  }
}
