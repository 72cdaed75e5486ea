/** A line between this machine and a network namespace, which can be cut. */
import { run } from '../support/requirements.ts'

export interface Line extends Disposable {
  /** Of the far end. */
  readonly address: string
  /** What starts a program at the far end. */
  readonly within: readonly string[]
  cut(): void
  mend(): void
}

export function openLine(): Line {
  const id = process.pid % 60_000
  const [near, far, name] = [`chame${id}a`, `chame${id}b`, `chame-${id}`]
  // Of the range that is set aside for tests of networks (RFC 2544), so that it is nobody's.
  const network = `198.${18 + (id % 2)}.${(id >> 1) % 250}`
  run('ip', ['netns', 'add', name])
  run('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name])
  run('ip', ['addr', 'add', `${network}.1/24`, 'dev', near])
  run('ip', ['-n', name, 'addr', 'add', `${network}.2/24`, 'dev', far])
  run('ip', ['-n', name, 'link', 'set', far, 'up'])
  run('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  run('ip', ['link', 'set', near, 'up'])
  return {
    address: `${network}.2`,
    within: ['ip', 'netns', 'exec', name],
    cut: () => void run('ip', ['-n', name, 'link', 'set', far, 'down']),
    mend: () => void run('ip', ['-n', name, 'link', 'set', far, 'up']),
    [Symbol.dispose]() {
      run('ip', ['netns', 'delete', name])
    },
  }
}
