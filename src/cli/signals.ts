/** How long a cancelled command may take to end by itself once its result is shown. */
const LAST_WORK_MS = 200

export interface Cancellation extends Disposable {
  readonly signal: AbortSignal
  /** What Ctrl-C does, for those who read keys themselves. */
  cancel(): void
}

/**
 * The first SIGINT or SIGTERM aborts the signal, so that the operation can clean up behind itself;
 * the second ends the process at once. What that leaves behind, the next run removes.
 */
export function cancelOnSignals(): Cancellation {
  const controller = new AbortController()
  const cancel = (): void => {
    if (controller.signal.aborted) endAtOnce()
    else controller.abort()
  }
  process.on('SIGINT', cancel)
  process.on('SIGTERM', cancel)
  return {
    signal: controller.signal,
    cancel,
    [Symbol.dispose]() {
      process.off('SIGINT', cancel)
      process.off('SIGTERM', cancel)
      // A call that a slow disk has not answered cannot be stopped; what it writes goes into a file that is unlinked already.
      if (controller.signal.aborted) setTimeout(endAtOnce, LAST_WORK_MS).unref()
    },
  }
}

/**
 * Ends this process the way an interrupt does by default; shells see exit code 130. `process.exit`
 * would wait for file operations that are under way.
 */
function endAtOnce(): void {
  process.removeAllListeners('SIGINT')
  process.kill(process.pid, 'SIGINT')
}
