import { chmod, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { WorkDirectory } from '../catalog/work-directory.ts'
import { BackupError } from '../errors.ts'
import { crontabLines } from '../service/crontab.ts'
import { cronWord } from '../service/quote.ts'
import { markOf, type ServicePlan } from '../service/plan.ts'
import { daemonUnits, type ServiceFile, timerUnits } from '../service/units.ts'
import { isThere, syncDirectory, writeNewFile } from '../storage/durable.ts'
import { during, unlessMissing } from '../storage/io-errors.ts'
import { replaceFile } from '../storage/put-in-place.ts'
import type { ServiceFiles, ServiceFilesRequest, ServiceForm } from './reports.ts'
import { requireDirectory } from './require-directory.ts'

const DEFAULT_DIRECTORY = '/etc/systemd/system'
const NO_DIRECTORY_HINT = `Choose another with --directory (directory), or make it first; systemd looks in ${DEFAULT_DIRECTORY}. Without systemd, --crontab (form: "crontab") prints lines for cron.`
/** Units hold no secrets, and everybody may read them: `systemctl cat`. */
const UNIT_MODE = 0o644
const FORMS: readonly ServiceForm[] = ['daemon', 'timer', 'crontab']

/**
 * What runs the scheduler on this machine: a hardened systemd unit, timers, or crontab lines. Installs the units
 * if asked to, each in one step; a file that was not written by this command for this place is never replaced.
 */
export async function serviceFiles(
  request: ServiceFilesRequest,
  plan: ServicePlan,
  signal: AbortSignal,
): Promise<ServiceFiles> {
  const form = formOf(request)
  const directory = resolve(request.directory ?? DEFAULT_DIRECTORY)
  const units = unitsOf(form, plan)
  if (request.install === true) await install(units, directory, plan, signal)
  return {
    success: true,
    form,
    files: units.map(({ name, text }) => ({
      name,
      path: form === 'crontab' ? null : join(directory, name),
      text,
    })),
    installed: request.install === true,
    next: nextSteps(form, plan),
    notes: await notesOn(form, plan),
  }
}

function formOf({ form = 'daemon', install }: ServiceFilesRequest): ServiceForm {
  if (!FORMS.includes(form))
    throw new BackupError('INVALID_ARGUMENT', `Unknown form of service: ${JSON.stringify(form)}`, {
      hint: `There are: ${FORMS.join(', ')}.`,
    })
  if (form !== 'crontab' || install !== true) return form
  throw new BackupError('INVALID_ARGUMENT', 'A crontab is not installed: it holds lines of others too', {
    hint: 'Add the lines yourself: (crontab -l; chame-backup systemd --crontab) | crontab -',
  })
}

function unitsOf(form: ServiceForm, plan: ServicePlan): ServiceFile[] {
  if (form === 'daemon') return daemonUnits(plan)
  return form === 'timer' ? timerUnits(plan) : [{ name: 'crontab', text: crontabLines(plan) }]
}

/** Nothing is written unless everything may be; killed in between, the next run writes the rest. */
async function install(
  units: readonly ServiceFile[],
  directory: string,
  plan: ServicePlan,
  signal: AbortSignal,
): Promise<void> {
  // systemd reads units only where it looks for them.
  await requireDirectory(directory, 'to write units into', NO_DIRECTORY_HINT)
  for (const { name } of units) await requireOurs(join(directory, name), plan)
  await using work = await WorkDirectory.open(directory, signal)
  for (const { name, text } of units) {
    const file = work.file(name)
    await writeNewFile(file, text, UNIT_MODE, { isDurable: true })
    await during('set the mode of', file, () => chmod(file, UNIT_MODE))
    await replaceFile(file, join(directory, name))
  }
  await syncDirectory(directory, { isDurable: true })
}

async function requireOurs(path: string, plan: ServicePlan): Promise<void> {
  const text = await unlessMissing(path, () => readFile(path, 'utf8'))
  if (text === null || text.split('\n')[0] === markOf(plan)) return
  throw new BackupError('TARGET_INVALID', `Another's unit has that name: ${path}`, {
    hint: 'Choose a name with --name (name), or move that file away.',
    path,
  })
}

function nextSteps(form: ServiceForm, plan: ServicePlan): string[] {
  if (form === 'crontab') return ['(crontab -l; chame-backup systemd --crontab) | crontab -']
  const enabled =
    form === 'daemon'
      ? `${plan.name}.service`
      : timerUnits(plan)
          .map(({ name }) => name)
          .filter(name => name.endsWith('.timer'))
          .join(' ')
  return ['systemctl daemon-reload', `systemctl enable --now ${enabled}`]
}

async function notesOn(form: ServiceForm, plan: ServicePlan): Promise<string[]> {
  const notes: string[] = []
  for (const path of plan.writtenDirectories)
    if (!(await isThere(path)))
      notes.push(
        `Not there yet; the service could not make it: install -d -m 0700 -o ${plan.user} ${cronWord(path)}`,
      )
  if (/[/\\]_npx[/\\]/.test(plan.script))
    notes.push(`This chame-backup lies in npm's cache, where it may vanish; install it first: ${plan.script}`)
  if (form === 'crontab' && plan.timeZone !== undefined)
    notes.push(`cron knows no time zones: these hours are the system's, not those of ${plan.timeZone}.`)
  return notes
}
