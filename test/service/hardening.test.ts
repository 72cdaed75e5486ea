/** Whether the product does its work with what the unit leaves it. No unit can be started in a test, so each limit is set by itself. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { Database } from '../../src/index.ts'
import { CLI } from '../cli/run-cli.ts'
import { buildLedger } from '../support/databases.ts'
import { UNPRIVILEGED } from '../support/other-process.ts'
import { succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

class Place {
  readonly directory: string = temporaryDirectory()
  readonly path: string = join(this.directory, 'data', 'app.db')
  readonly backupDir: string = join(this.directory, 'backups')
  readonly commands: readonly string[]

  constructor() {
    for (const name of ['data', 'backups']) mkdirSync(join(this.directory, name))
    buildLedger(this.path)
    const words = ['create', 'verify', 'drill', 'restore latest --confirm', 'info', 'export']
    this.commands = words.map(word => `"$0" "${CLI}" ${word} --json --path "$1" --backup-dir "$2"`)
  }

  /** Each command, one after the other, as a script for `sh -c`, ended by the first that fails. */
  get script(): string[] {
    return ['sh', '-ec', this.commands.join(' >/dev/null\n'), process.execPath, this.path, this.backupDir]
  }

  async unit(): Promise<string> {
    const database = new Database({ path: this.path, backupDir: this.backupDir })
    return succeeded(await database.serviceFiles()).files[0]?.text ?? ''
  }
}

testWith(
  ['linux', 'strace', 'systemd-analyze', 'systemd-notify'],
  'no command makes a system call that the unit forbids',
  async () => {
    const place = new Place()
    const [, filter = ''] = /^SystemCallFilter=(.*)$/m.exec(await place.unit()) ?? []
    const allowed = new Set(callsIn(filter))
    expect(allowed.size).toBeGreaterThan(100)
    const log = join(place.directory, 'trace')
    run('strace', ['-f', '-qq', '-o', log, ...place.script])
    const made = [...readFileSync(log, 'utf8').matchAll(/^\d+ +([a-z_0-9]+)\(/gm)].map(
      ([, name]) => name as string,
    )
    expect(made).toContain('fsync')
    expect([...new Set(made)].filter(name => !allowed.has(name))).toEqual([])
  },
)

testWith(
  ['root', 'linux', 'unshare', 'setpriv', 'mount'],
  'every command does its work without capabilities, where only the directories of the unit can be written',
  async () => {
    const place = new Place()
    const written = [...(await place.unit()).matchAll(/^ReadWritePaths=-(.*)$/gm)].map(([, path]) => path)
    expect(written).toEqual([join(place.directory, 'data'), place.backupDir])
    const seal = `
      set -e
      for directory; do [ "$directory" = -- ] && break; mount --bind "$directory" "$directory"; done
      while [ "$1" != -- ]; do shift; done
      shift
      mount -o remount,ro,bind /
      for other in /tmp /var/tmp; do mountpoint -q "$other" && mount -o remount,ro,bind "$other"; done
      if touch "$0/not-writable" 2>/dev/null; then exit 99; fi
      exec "$@"`
    const result = spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', seal, place.directory, ...(written as string[]), '--']
        .concat(UNPRIVILEGED)
        .concat(place.script),
      { encoding: 'utf8' },
    )
    expect({ status: result.status, stderr: result.stderr }).toEqual({ status: 0, stderr: '' })
    expect(readdirSync(join(place.backupDir, 'pre_restore'))).toHaveLength(1)
    expect(readdirSync(join(place.backupDir, 'exports'))).toHaveLength(1)
  },
)

/** The system calls of a group, and of the groups in it. */
function callsIn(group: string): string[] {
  const lines = run('systemd-analyze', ['syscall-filter', '--no-pager', group]).split('\n').slice(1)
  const names = lines.map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#'))
  return names.flatMap(name => (name.startsWith('@') ? callsIn(name) : [name]))
}
