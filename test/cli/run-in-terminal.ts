import { spawn, spawnSync } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import { cleanEnvironment, CLI } from './run-cli.ts'

/** `script` of util-linux, which Debian always has; other systems' `script` takes other options. */
export const hasTerminal: boolean =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false

export interface TerminalRun {
  /** The text that the terminal was sent so far, stdout and stderr alike, without colours. */
  readonly screen: () => string
  /** Resolves once `text` was shown. */
  waitFor(text: string): Promise<void>
  type(keys: string): void
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>
}

/** Runs the CLI in a real (pseudo) terminal of 100 columns. */
export function runInTerminal(args: readonly string[], cwd: string): TerminalRun {
  const words = [process.execPath, CLI, ...args].map(word => `'${word.replaceAll("'", `'\\''`)}'`)
  const command = `stty rows 30 cols 100; exec ${words.join(' ')}`
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd,
    env: cleanEnvironment({ SHELL: '/bin/sh' }),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let shown = ''
  let check = (): void => {}
  child.stdout.setEncoding('utf8').on('data', text => {
    shown += text
    check()
  })
  const ended = new Promise<number | null>(resolve => child.on('close', resolve))
  return {
    screen: () => stripVTControlCharacters(shown),
    waitFor(text) {
      return new Promise((resolve, reject) => {
        check = () => {
          if (shown.includes(text)) resolve()
        }
        void ended.then(() => reject(new Error(`ended without showing ${JSON.stringify(text)}: ${shown}`)))
        check()
      })
    },
    type: keys => void child.stdin.write(keys),
    ended,
  }
}
