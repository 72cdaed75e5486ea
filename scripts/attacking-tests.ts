/** Which test files attack the product, found by what they are called and what they use, so that no list has to be kept. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where everything belongs to the harness. */
const PLACES: readonly string[] = [
  'test/crash/',
  'test/disks/',
  'test/faults/',
  'test/malformed/',
  'test/soak/',
]
/** What a test of an attack is called after. */
const NAMES =
  /(attack|bad-input|damage|deleted|denied|fail|frozen|full|half|hostile|killed|meanwhile|moving|race|shortened|stopped|swapped|unreadable|untouched)[^/]*\.test\.ts$/
/**
 * What is attacked with: signals that nobody survives, the shim, limits and disks of the kernel, bad lines; and what
 * lets a full run take more of it.
 */
const MEANS: readonly RegExp[] = [
  /'SIG(KILL|STOP)'/,
  /\bLD_PRELOAD\b/,
  /\b(chattr|fsfreeze|iptables|prlimit|setpriv|tmpfs)\b/,
  /\b(FaultProxy|startFaultProxy)\b/,
  /\/faults\/extent\.ts'/,
]

/**
 * The test files, by their paths from the root of the repository, that are of the harness, are named after an attack,
 * or use a means of one, be it by way of other files of tests. Those of servers stop them at their end, and attack nothing.
 *
 * @param root the repository
 */
export function attackingTests(root: string): readonly string[] {
  const files = new Map(
    readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => [`test/${name}`, readFileSync(join(root, 'test', name), 'utf8')]),
  )
  const isAttacking = (name: string): boolean =>
    PLACES.some(place => name.startsWith(place)) ||
    NAMES.test(name) ||
    reachedFrom(name, files).some(reached => MEANS.some(means => means.test(files.get(reached) ?? '')))
  return [...files.keys()].filter(name => name.endsWith('.test.ts') && isAttacking(name)).toSorted()
}

/** The file, and all files of tests that it imports, or those do. */
function reachedFrom(name: string, files: ReadonlyMap<string, string>): readonly string[] {
  const reached = new Set([name])
  for (const each of reached) {
    for (const [, path = ''] of (files.get(each) ?? '').matchAll(
      /(?:from|import|URL)\s*\(?'(\.[^']+\.ts)'/g,
    )) {
      const imported = join(each, '..', path)
      if (files.has(imported) && !SERVERS.test(imported)) reached.add(imported)
    }
  }
  return [...reached]
}

const SERVERS = /^test\/(storage\/servers|console\/support)\//
