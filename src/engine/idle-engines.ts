import { EngineProcess } from './engine-process.ts'

/** An operation uses one core and a half; more processes than this would only hold memory. */
const KEPT_MAX = 4
/** With its SQLite process each holds 35 MB that is its own. A console that is open asks every 30 s, and finds it there. */
const IDLE_MS = 60_000

interface Idle {
  readonly engine: EngineProcess
  readonly timer: NodeJS.Timeout
}

/** Engine processes that are ready for the next operation, until nobody has needed them for a while. */
export class IdleEngines {
  readonly #kept: Idle[] = []
  readonly #idleMs: number

  /** @param idleMs how long one is kept that nobody takes */
  constructor(idleMs: number = IDLE_MS) {
    this.#idleMs = idleMs
  }

  /** One that has not died meanwhile, nor is behind the times: the one that was used last of those that are preferred, or of all; or a new one. */
  take(isPreferred: (engine: EngineProcess) => boolean = () => true): EngineProcess {
    const idle = this.#kept.findLast(({ engine }) => isPreferred(engine)) ?? this.#kept.at(-1)
    if (idle === undefined) return new EngineProcess()
    this.#remove(idle)
    clearTimeout(idle.timer)
    if (idle.engine.isReusable && idle.engine.isUpToDate) return idle.engine
    idle.engine.dismiss()
    return this.take(isPreferred)
  }

  /** Keeps one that has nothing to do, or ends it. */
  put(engine: EngineProcess): void {
    if (!engine.isReusable || this.#kept.length >= KEPT_MAX) return engine.stop()
    const idle: Idle = { engine, timer: setTimeout(() => this.#end(idle), this.#idleMs) }
    idle.timer.unref()
    this.#kept.push(idle)
  }

  #end(idle: Idle): void {
    this.#remove(idle)
    idle.engine.dismiss()
  }

  #remove(idle: Idle): void {
    this.#kept.splice(this.#kept.indexOf(idle), 1)
  }
}
