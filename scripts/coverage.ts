/**
 * Runs the tests, and fails when they leave out more than a few branches of the directories that decide whether
 * a backup is right. Every process of the run is measured, the product's own included; one that is killed with
 * SIGKILL leaves nothing to count. Without arguments it runs {@link TESTS}; they are handed to vitest.
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type FileBranches, measureDirectory } from './branches/measure.ts'
import { CoverageFiles } from './branches/coverage-files.ts'

const DIRECTORIES: readonly string[] = ['src/snapshot', 'src/operations', 'src/catalog']
/**
 * What each has to reach by itself. What is left are platforms that the tests do not run on, disks that fail between two
 * reads, and what types cannot rule out.
 */
const PERCENT_MIN = 98

/**
 * Those that say what operations do, as far as each goes ways that no quicker one goes: measured one by one. The
 * others attack operations for many minutes, and go the same ways again.
 */
const TESTS: readonly string[] = [
  'test/unit',
  'test/drill/drill.test.ts',
  'test/drill/judge.test.ts',
  'test/drill/stopped.test.ts',
  'test/metrics/metrics.test.ts',
  'test/notify/library.test.ts',
  'test/retention/cleanup.test.ts',
  'test/retention/delete.test.ts',
  'test/retention/half-deleted.test.ts',
  'test/retention/max-size.test.ts',
  'test/retention/simulate.test.ts',
  'test/service/service-files.test.ts',
  'test/restore',
  'test/import/refused.test.ts',
  'test/import/sql.test.ts',
  'test/import/stopped.test.ts',
  ...[
    'bad-input',
    'cancel',
    'catalog',
    'checks',
    'extensions',
    'forms',
    'full-disk',
    'leftovers',
    'many',
    'moving-database',
    'names',
    'paths',
    'quiescent',
    'reflink',
    'reported',
    'unreadable-paths',
  ].map(name => `test/backup/${name}.test.ts`),
  ...[
    'bad-input',
    'concurrent',
    'formats',
    'full-disk',
    'large',
    'no-secret',
    'no-secret-schema',
    'round-trip-source',
    'salvage',
    'salvage-files',
    'select',
    'standard-output',
  ].map(name => `test/export/${name}.test.ts`),
  'test/malformed/beside.test.ts',
  'test/malformed/side-files.test.ts',
  'test/faults/replaced.test.ts',
  'test/faults/undone.test.ts',
  'test/faults/work-directory.test.ts',
  'test/disks/denied.test.ts',
  'test/disks/failing.test.ts',
  ...['convert', 'half-converted', 'keys', 'read-back', 'round-trip'].map(
    name => `test/encoding/${name}.test.ts`,
  ),
  ...['again', 'backups', 'encrypted', 'sealed'].map(name => `test/blocks/${name}.test.ts`),
  ...[
    'blocks',
    'blocks-meanwhile',
    'cleanup',
    'cleanup-meanwhile',
    'copying',
    'hostile',
    'listed',
    'max-size',
    'meanwhile',
    'names-taken',
    'off-site-only',
    'pack-marks',
    'races',
    'restore',
    'shortened',
  ].map(name => `test/off-site/${name}.test.ts`),
  'test/look',
  'test/signing',
  ...['actions', 'anchors', 'thinning'].map(name => `test/audit/${name}.test.ts`),
  'test/server/administration.test.ts',
  'test/server/listing.test.ts',
  'test/server/stored-files.test.ts',
  'test/server/transfer.test.ts',
  'test/storage/check-target.test.ts',
  'test/storage/probes.test.ts',
]

const root = fileURLToPath(new URL('..', import.meta.url))
const raw = `${root}coverage/raw`

process.chdir(root)
rmSync('coverage', { recursive: true, force: true })
mkdirSync(raw, { recursive: true })
// Some tests run the product as a user who may write nothing of ours.
chmodSync(raw, 0o777)
const files = new CoverageFiles(
  raw,
  DIRECTORIES.map(directory => `${root}${directory}/`),
)
const asked = process.argv.slice(2)
const testsPassed = await runTests(asked.length > 0 ? asked : TESTS)
await files.readToTheEnd()

const shares = await Promise.all(DIRECTORIES.map(report))
console.log(`\nBranches covered, of ${files.count} processes and threads that wrote what they ran:`)
for (const line of shares.map(({ line }) => line)) console.log(line)
if (!testsPassed || shares.some(({ isEnough }) => !isEnough)) process.exitCode = 1

function runTests(args: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...args], {
    stdio: 'inherit',
    env: { ...process.env, NODE_V8_COVERAGE: raw },
  })
  const reading = setInterval(() => files.read(), 2_000)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', code => {
      clearInterval(reading)
      resolve(code === 0)
    })
  })
}

async function report(directory: string): Promise<{ line: string; isEnough: boolean }> {
  const measured = await measureDirectory(directory, files.hits)
  for (const file of measured.filter(({ missed }) => missed.length > 0)) print(file)
  const total = measured.reduce((sum, file) => sum + file.total, 0)
  const covered = measured.reduce((sum, file) => sum + file.total - file.missed.length, 0)
  const percent = (100 * covered) / total
  const isEnough = percent >= PERCENT_MIN
  const verdict = isEnough ? '' : `  too few: at least ${PERCENT_MIN} % are needed`
  return { line: `  ${directory}: ${covered} of ${total}, ${percent.toFixed(1)} %${verdict}`, isEnough }
}

function print({ path, total, missed }: FileBranches): void {
  console.log(`\n${path}: ${total - missed.length} of ${total} branches, not`)
  for (const { line, what, text } of missed) console.log(`  ${path}:${line}  ${what}  ${text}`)
}
