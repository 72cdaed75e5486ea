/** Says in plain words what happens, and keeps count of what was promised. */
import { styleText } from 'node:util'

const WIDTH = 88

export class Narrator {
  #kept = 0
  readonly #broken: string[] = []

  title(text: string): void {
    print(styleText('bold', text))
  }

  act(number: number, title: string): void {
    print()
    print(`${styleText(['bold', 'cyan'], `${number}. ${title}`)}`)
  }

  say(text: string): void {
    for (const line of wrap(text, WIDTH - 3)) print(`   ${line}`)
  }

  /** A path, a figure or a table on lines of their own. */
  show(text: string): void {
    for (const line of text.split('\n')) print(`     ${styleText('dim', line)}`)
  }

  /** States what must be true, and whether it is. */
  check(promise: string, isKept: boolean): void {
    if (isKept) this.#kept += 1
    else this.#broken.push(promise)
    const mark = isKept ? styleText('green', '✓') : styleText('red', '✗')
    const [first = '', ...rest] = wrap(promise, WIDTH - 5)
    print(`   ${mark} ${isKept ? first : styleText('red', first)}`)
    for (const line of rest) print(`     ${isKept ? line : styleText('red', line)}`)
  }

  /** The last word. Returns the exit code. */
  conclude(seconds: number): number {
    print()
    if (this.#broken.length === 0) {
      print(styleText(['bold', 'green'], `All ${this.#kept} checks held, in ${seconds.toFixed(1)} s.`))
      return 0
    }
    print(
      styleText(
        ['bold', 'red'],
        `${this.#broken.length} of ${this.#kept + this.#broken.length} checks failed:`,
      ),
    )
    for (const promise of this.#broken) print(`  ✗ ${promise}`)
    return 1
  }
}

function print(line = ''): void {
  process.stdout.write(`${line}\n`)
}

/** Breaks at spaces; a path longer than a line stays whole, so that it can be copied. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
