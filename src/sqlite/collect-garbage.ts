import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { readonly type: 'major' }) => void

let collect: Collect | null = null

/**
 * Has V8 drop what nobody uses. By itself it waits for long where the memory is that of buffers, of which it sees only
 * the small objects in front of them. Takes some milliseconds where little is in use.
 */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect
  }
  collect({ type: 'major' })
}
