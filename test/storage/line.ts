/**
 * A line between this machine and a network namespace, with a router on it that cuts it, slows it down, loses what goes
 * over it, or answers in the other's place.
 */
import { spawnSync } from 'node:child_process'
import { run } from '../support/requirements.ts'

export const LINE_NEEDS = ['root', 'linux', 'ip', 'tc', 'iptables'] as const

export interface Line extends Disposable {
  /** Of the far end. */
  readonly address: string
  /** What starts a program at the far end. */
  readonly within: readonly string[]
  /** As when a cable is pulled. */
  cut(): void
  /** Nothing gets through any more, in either direction, and nobody is told. */
  silence(): void
  /** Of so many packets one is lost, in either direction, but none that begins a connection. */
  loseOneOf(packets: number): void
  /** So many bits a second, as `tc` writes them; what would have to wait for half a second is lost. */
  slow(rates: { readonly there: string; readonly back: string }): void
  /** Whatever is sent from here is answered with a reset: connections break, and no new ones are made. */
  reset(): void
  /** How many packets the fault has met; of `reset` only those that would have begun a connection. */
  met(): number
  /** Takes every fault away. */
  mend(): void
}

/** What is lost is sent again after so long at least: a tenth of what Linux takes, as tests need not wait for it. */
const RESEND = '20ms'

interface Names {
  /** Namespaces. */
  readonly router: string
  readonly end: string
  /** Devices: here, both of the router, and at the far end. */
  readonly near: string
  readonly routerNear: string
  readonly routerFar: string
  readonly far: string
}

export function openLine(): Line {
  const id = process.pid
  const names: Names = {
    router: `chame-${id}-r`,
    end: `chame-${id}`,
    near: `chame${id}a`,
    routerNear: `chame${id}b`,
    routerFar: `chame${id}c`,
    far: `chame${id}d`,
  }
  const address = addressesOf(id)
  // What a process of the same id has left behind when it was killed.
  takeUp(names)
  lay(names, address)
  return {
    address: address(6),
    within: ['ip', 'netns', 'exec', names.end],
    ...faultsOf(names),
    [Symbol.dispose]: () => takeUp(names),
  }
}

/** Eight addresses of the range that is set aside for tests of networks (RFC 2544), so that they are nobody's. */
function addressesOf(id: number): (last: number) => string {
  const first = (id % (1 << 14)) * 8
  return last => `198.${18 + (first >> 16)}.${(first >> 8) & 255}.${(first & 255) + last}`
}

function lay(names: Names, address: (last: number) => string): void {
  const { router, end, near, routerNear, routerFar, far } = names
  const batch = (words: readonly string[], lines: readonly string[]): void =>
    void run('ip', [...words, '-batch', '-'], lines.join('\n'))
  batch(
    [],
    [
      `netns add ${router}`,
      `netns add ${end}`,
      `link add ${near} type veth peer name ${routerNear} netns ${router}`,
      `addr add ${address(1)}/30 dev ${near}`,
      `link set ${near} up`,
      `route add ${address(4)}/30 via ${address(2)} rto_min ${RESEND}`,
    ],
  )
  batch(
    ['-n', router],
    [
      `link add ${routerFar} type veth peer name ${far} netns ${end}`,
      `addr add ${address(2)}/30 dev ${routerNear}`,
      `addr add ${address(5)}/30 dev ${routerFar}`,
      `link set ${routerNear} up`,
      `link set ${routerFar} up`,
    ],
  )
  batch(
    ['-n', end],
    [
      'link set lo up',
      `addr add ${address(6)}/30 dev ${far}`,
      `link set ${far} up`,
      `route add default via ${address(5)} rto_min ${RESEND}`,
    ],
  )
  run('ip', ['netns', 'exec', router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
}

/** What is not there is fine. */
function takeUp({ router, end, near }: Names): void {
  // First, so that its name is free at once: a namespace goes when the kernel finds the time.
  spawnSync('ip', ['link', 'delete', near])
  for (const name of [router, end]) spawnSync('ip', ['netns', 'delete', name])
}

function faultsOf({
  router,
  routerNear,
  routerFar,
}: Names): Omit<Line, 'address' | 'within' | keyof Disposable> {
  const link = (state: 'up' | 'down'): void =>
    void run('ip', ['-n', router, 'link', 'set', routerNear, state])
  const firewall = (...words: string[]): string =>
    run('ip', ['netns', 'exec', router, 'iptables', '-w', ...words])
  const forward = (from: string, ...words: string[]): void =>
    void firewall('-A', 'FORWARD', '-i', from, '-p', 'tcp', ...words)
  const queue = (...words: string[]): void => void run('tc', ['-n', router, 'qdisc', ...words])
  const slowed = new Set<string>()
  return {
    cut: () => link('down'),
    silence() {
      for (const from of [routerNear, routerFar]) forward(from, '-j', 'DROP')
    },
    loseOneOf(packets) {
      // The kernel takes seconds to send those again, and then does the same for all that follow.
      const underWay = ['--tcp-flags', 'SYN', 'NONE']
      // Every n-th, so that no run is luckier than another.
      const some = ['-m', 'statistic', '--mode', 'nth', '--every', String(packets), '--packet', '0']
      for (const from of [routerNear, routerFar]) forward(from, ...underWay, ...some, '-j', 'DROP')
    },
    slow({ there, back }) {
      for (const [device, rate] of [
        [routerFar, there],
        [routerNear, back],
      ] as const) {
        queue('add', 'dev', device, 'root', 'tbf', 'rate', rate, 'burst', '32kbit', 'latency', '500ms')
        slowed.add(device)
      }
    },
    reset() {
      const answer = ['-j', 'REJECT', '--reject-with', 'tcp-reset']
      forward(routerNear, '--syn', ...answer)
      forward(routerNear, ...answer)
    },
    met() {
      const [, , first = ''] = firewall('-nvxL', 'FORWARD').split('\n')
      return Number(first.trim().split(/\s+/)[0])
    },
    mend() {
      firewall('-F', 'FORWARD')
      for (const device of slowed) queue('del', 'dev', device, 'root')
      slowed.clear()
      link('up')
    },
  }
}
