/** Sizes as everything that this program writes says them: in messages, reports, notifications, on the command line. */
import prettyBytes from 'pretty-bytes'

/** Binary units everywhere: "4.21 MiB". */
export function roughSize(bytes: number): string {
  return prettyBytes(bytes, { binary: true })
}

/** "4.21 MiB (4414504 bytes)": of two that are nearly alike, the larger one still shows. */
export function exactSize(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${roughSize(bytes)} (${bytes} bytes)`
}
