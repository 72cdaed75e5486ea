/** Shows on a database that is made for it what the product promises; ends with 1 when something is not as promised. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as acts from './acts.ts'
import { Narrator } from './narrator.ts'
import { Application, setStage } from './stage.ts'

const USAGE = `Usage: npm run demo -- [options]

Backs up and restores a sample database, and says what it does.

Options:
  --dir <directory>  where to make the files; must not exist (default: a new temporary directory)
  --clean            remove the files at the end
  --help             show this help
`

const { values: options } = parseArgs({
  options: { dir: { type: 'string' }, clean: { type: 'boolean' }, help: { type: 'boolean' } },
})

if (options.help === true) process.stdout.write(USAGE)
else process.exitCode = await play(makeDirectory(options.dir), options.clean === true)

async function play(directory: string, isCleaned: boolean): Promise<number> {
  const started = performance.now()
  const narrator = new Narrator()
  narrator.title('Chame Backup: backups for SQLite, proven to restore')
  try {
    const stage = setStage(directory, narrator)
    acts.makeTheDatabase(stage)
    {
      using application = new Application(stage.path)
      const backup = await acts.backUpUnderLoad(stage, application)
      await acts.listThem(stage)
      await acts.verifyIt(stage, backup)
      await acts.survivesBadMigration(stage, application, backup)
      const newest = await acts.survivesBrokenFile(stage, application)
      await acts.refusesRottenBackup(stage, newest)
    }
  } catch (error) {
    narrator.check(
      `The demo runs to its end (${error instanceof Error ? error.message : String(error)})`,
      false,
    )
  }
  const exitCode = narrator.conclude((performance.now() - started) / 1000)
  if (isCleaned) rmSync(directory, { recursive: true, force: true })
  process.stdout.write(
    isCleaned
      ? 'The files were removed.\n'
      : `The files are in ${directory}; remove them when you have looked.\n`,
  )
  return exitCode
}

/** Never one that is there: the demo writes and removes in it. */
function makeDirectory(wanted: string | undefined): string {
  if (wanted === undefined) return mkdtempSync(join(tmpdir(), 'chame-demo-'))
  mkdirSync(resolve(wanted))
  return resolve(wanted)
}
