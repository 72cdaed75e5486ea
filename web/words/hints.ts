/**
 * What to do next, as the operations say it, in the console's words. They name commands, as every door shows what they say;
 * here is a button for most of them.
 */

/** Commands for which there is a page or a button, and what stands on it. Others are named as they are. */
const PLACES: Readonly<Record<string, string>> = {
  create: 'Create backup',
  list: 'Backups',
  info: 'Overview',
  verify: 'Verify',
  drill: 'Drill',
  restore: 'Restore',
  inspect: 'Look inside',
  query: 'Look inside',
  compare: 'Compare',
  pin: 'Pin',
  unpin: 'Unpin',
  delete: 'Delete',
  add: 'Upload',
  cleanup: 'Retention',
  export: 'Exports',
  exports: 'Exports',
  audit: 'Activity',
  settings: 'Settings',
  notify: 'Settings',
  'token list': 'Settings',
  'target check': 'Settings',
  'target list': 'Settings',
}

/** A command, its arguments and options: `<file>`, the name of a backup, `--target far`. */
const COMMAND =
  /`?chame-backup ((?:token|target) [a-z]+|[a-z]+)((?: (?:<[^>]+>|\S*_backup_[^\s;,]*\w|--[a-z-]+(?: (?:<[^>]+>|[\w-]+))?))*)`?/g

/** Options that are a field or a switch here, or cannot be given here at all. */
const OPTIONS: readonly (readonly [RegExp, string])[] = [
  [/Give the identity file with --identity \(identity\), or name it as/, 'Name the identity file as'],
  [/ or insist with --force \(force: true\)/i, ' Or switch on “Delete it all the same”'],
  [/with --include-sensitive/, '“With sensitive columns as they are”'],
  [/ For another backup directory use --backup-dir \(backupDir\)\./, ''],
]

export function inConsole(hint: string): string {
  const said = OPTIONS.reduce((text, [option, words]) => text.replace(option, words), hint)
  return said.replace(COMMAND, (command: string, name: string) => {
    const place = Object.hasOwn(PLACES, name) ? PLACES[name] : undefined
    return place === undefined ? command : `“${place}”`
  })
}
