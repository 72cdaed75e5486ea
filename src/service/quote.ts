/**
 * Writing words so that systemd and cron read them as they are. The two have nothing in common but that `%` means
 * something to both. Sources: systemd.syntax(7), systemd.service(5) "Command lines", systemd.unit(5) "Specifiers",
 * crontab(5).
 */
import { BackupError } from '../errors.ts'

/** Characters that mean nothing to anybody. */
const PLAIN = /^[A-Za-z0-9_./:@,=+-]+$/
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f]/g

/** The first word of `ExecStart=`, of which systemd takes no quotes and no backslashes. Throws `INVALID_ARGUMENT`. */
export function programWord(path: string): string {
  requireOneLine(path, 'a systemd unit')
  if (/["'\\]/.test(path)) throw notWritable(path, 'a systemd unit', 'has a quote or a backslash in it')
  return quoted(path.replaceAll('%', '%%'))
}

/** A further word of `ExecStart=`, in which `$` would mean a variable. */
export function argumentWord(text: string): string {
  return quoted(text.replaceAll('$', '$$$$').replaceAll('%', '%%'))
}

/** One assignment of `Environment=`. */
export function environmentWord(name: string, value: string): string {
  return quoted(`${name}=${value}`.replaceAll('%', '%%'))
}

/** A word of a list of paths, where there is no way to write a line break. Throws `INVALID_ARGUMENT`. */
export function pathWord(path: string, prefix = ''): string {
  requireOneLine(path, 'a systemd unit')
  return quoted(`${prefix}${path}`.replaceAll('%', '%%'))
}

/** The value of `WorkingDirectory=`, which is read to the end of its line, without quotes. Throws `INVALID_ARGUMENT`. */
export function wholeLine(path: string): string {
  requireOneLine(path, 'a systemd unit')
  if (/[\s\\]$/.test(path)) throw notWritable(path, 'a systemd unit', 'ends with a space or a backslash')
  return path.replaceAll('%', '%%')
}

/**
 * A word of a crontab's command, for the shell behind it. In single quotes; a backslash is never followed by one or
 * by a percent sign, because crons differ in what they make of those two. Throws `INVALID_ARGUMENT`.
 */
export function cronWord(text: string): string {
  requireOneLine(text, 'a crontab')
  if (PLAIN.test(text)) return text
  const inside = text.replaceAll(/['\\%]/g, character => {
    if (character === "'") return "'\\''"
    return character === '%' ? "'\\%'" : "\\''"
  })
  return `'${inside}'`
}

function quoted(text: string): string {
  if (PLAIN.test(text)) return text
  return `"${text.replaceAll(/[\\"]/g, '\\$&').replaceAll(CONTROLS, escapeControl)}"`
}

function escapeControl(character: string): string {
  return `\\x${(character.codePointAt(0) as number).toString(16).padStart(2, '0')}`
}

function requireOneLine(text: string, where: string): void {
  if (CONTROL.test(text))
    throw notWritable(text, where, 'has a line break or another control character in it')
}

function notWritable(text: string, where: string, why: string): BackupError {
  return new BackupError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(text)} cannot be written into ${where}: it ${why}`,
    { hint: 'Give that file or directory another name, or a link to it.' },
  )
}
