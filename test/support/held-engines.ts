/**
 * Engine processes that wait after everything they tell of their progress, until this process has heard it: what a test
 * does when it hears of a step is then done in that step, however late it hears of it.
 */
import childProcess, { type ForkOptions } from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'
import type { Socket } from 'node:net'
import type { FromEngine } from '../../src/engine/messages.ts'

const HOOK = new URL('./held-engine-hook.ts', import.meta.url).href
const ENGINE = /\/engine\/process\.[jt]s$/

/** Holds all that this process starts from now on; called once, before any is started. */
export function holdEngines(): void {
  const { fork } = childProcess
  childProcess.fork = ((entry: string, args: readonly string[], options: ForkOptions) => {
    if (!ENGINE.test(entry)) return fork(entry, args, options)
    const child = fork(entry, args, {
      ...options,
      execArgv: [...(options.execArgv ?? []), '--import', HOOK],
      stdio: [...(options.stdio as readonly 'ipc'[]), 'pipe'],
    })
    const goOn = child.stdio.at(-1) as Socket
    // One that was killed hears nothing.
    goOn.on('error', () => {}).unref()
    child.on('message', (message: FromEngine) => {
      // After all who listen.
      if (message.kind === 'progress') setImmediate(() => goOn.write('.'))
    })
    return child
  }) as typeof fork
  syncBuiltinESMExports()
}
