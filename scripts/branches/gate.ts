/**
 * Counts, while tests run, which branches they take, and fails the run when they leave out more than a few of the
 * directories that decide whether a backup is right. Every process of a measured test counts, the product's own
 * included; one that is killed with SIGKILL leaves nothing to count.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CoverageFiles } from './coverage-files.ts'
import { type FileBranches, measureDirectory } from './measure.ts'

const DIRECTORIES: readonly string[] = ['src/snapshot', 'src/operations', 'src/catalog']
/**
 * What each has to reach by itself. What is left are platforms that the tests do not run on, disks that fail between
 * two reads, and what types cannot rule out.
 */
const PERCENT_MIN = 98
const READ_EVERY_MS = 2_000

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Where processes of measured tests write what they ran. */
export const RAW_DIRECTORY: string = `${root}coverage/raw`

/** Vitest calls it before the first test, and what it returns after the last. */
export default function setup(): () => Promise<void> {
  rmSync(`${root}coverage`, { recursive: true, force: true })
  mkdirSync(RAW_DIRECTORY, { recursive: true })
  // Some tests run the product as a user who may write nothing of ours.
  chmodSync(RAW_DIRECTORY, 0o777)
  const files = new CoverageFiles(
    RAW_DIRECTORY,
    DIRECTORIES.map(directory => `${root}${directory}/`),
  )
  const reading = setInterval(() => files.read(), READ_EVERY_MS)
  return async () => {
    clearInterval(reading)
    await files.readToTheEnd()
    const shares = await Promise.all(DIRECTORIES.map(directory => report(directory, files)))
    console.log(`\nBranches covered, of ${files.count} processes and threads that wrote what they ran:`)
    for (const { line } of shares) console.log(line)
    if (shares.some(({ isEnough }) => !isEnough)) process.exitCode = 1
  }
}

async function report(
  directory: string,
  { hits }: CoverageFiles,
): Promise<{ line: string; isEnough: boolean }> {
  const measured = await measureDirectory(`${root}${directory}`, hits)
  for (const file of measured.filter(({ missed }) => missed.length > 0)) print(file)
  const total = measured.reduce((sum, file) => sum + file.total, 0)
  const covered = measured.reduce((sum, file) => sum + file.total - file.missed.length, 0)
  const percent = (100 * covered) / total
  const isEnough = percent >= PERCENT_MIN
  const verdict = isEnough ? '' : `  too few: at least ${PERCENT_MIN} % are needed`
  return { line: `  ${directory}: ${covered} of ${total}, ${percent.toFixed(1)} %${verdict}`, isEnough }
}

function print({ path, total, missed }: FileBranches): void {
  const shown = relative(root, path)
  console.log(`\n${shown}: ${total - missed.length} of ${total} branches, not`)
  for (const { line, what, text } of missed) console.log(`  ${shown}:${line}  ${what}  ${text}`)
}
