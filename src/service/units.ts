/** systemd units that run the scheduler with no more rights than it needs. */
import { DEFAULT_RUNS, hasPathBelow, markOf, type ServicePlan } from './plan.ts'
import { argumentWord, environmentWord, pathWord, programWord, wholeLine } from './quote.ts'

export interface ServiceFile {
  readonly name: string
  readonly text: string
}

/** Half of it passes between signs of life; a job never keeps the daemon's event loop busy for seconds. */
const WATCHDOG_SECONDS = 300
/** Longer than the daemon gives a running job by default before it cancels it. */
const STOP_SECONDS = 600

/** The daemon as one service. Throws `INVALID_ARGUMENT` for paths that no unit can hold. */
export function daemonUnits(plan: ServicePlan): ServiceFile[] {
  const sections = [
    unitSection(plan, `Backups of ${plan.databases.join(', ')}`),
    section('Service', [
      'Type=notify',
      '# systemd-notify, which speaks for the daemon, is a process of its own.',
      'NotifyAccess=all',
      `WatchdogSec=${WATCHDOG_SECONDS}`,
      ...command(plan, []),
      'ExecReload=/bin/kill -HUP $MAINPID',
      '# The daemon ends its jobs itself; what is left after that is killed.',
      'KillMode=mixed',
      `TimeoutStopSec=${STOP_SECONDS}`,
      'Restart=on-failure',
      'RestartSec=60',
      ...hardening(plan),
    ]),
    section('Install', ['WantedBy=multi-user.target']),
  ]
  return [{ name: `${plan.name}.service`, text: fileOf(plan, sections) }]
}

/** One service for all runs, and a timer for each: for those who want no daemon. Throws as {@link daemonUnits}. */
export function timerUnits(plan: ServicePlan): ServiceFile[] {
  const service = fileOf(plan, [
    unitSection(plan, `Backups of ${plan.databases.join(', ')}: %i`),
    section('Service', [
      'Type=oneshot',
      ...command(plan, ['--run-once', '%i']),
      '# Whoever stops a run lets it clean up.',
      'KillMode=mixed',
      `TimeoutStopSec=${STOP_SECONDS}`,
      ...hardening(plan),
    ]),
  ])
  const zone = plan.timeZone === undefined ? '' : ` ${plan.timeZone}`
  const timers = DEFAULT_RUNS.map(({ job, calendar }) => ({
    name: `${plan.name}-${job}.timer`,
    text: fileOf(plan, [
      section('Unit', [`Description=Backups of ${plan.databases.join(', ')}: ${job}`]),
      section('Timer', [
        `OnCalendar=${calendar}${zone}`,
        '# A run that was missed while the machine was off is made up for.',
        'Persistent=true',
        `Unit=${plan.name}@${job}.service`,
      ]),
      section('Install', ['WantedBy=timers.target']),
    ]),
  }))
  return [{ name: `${plan.name}@.service`, text: service }, ...timers]
}

function unitSection(plan: ServicePlan, description: string): string {
  const mounts = new Set([plan.workingDirectory, ...plan.writtenDirectories])
  return section('Unit', [
    `Description=${description}`,
    `RequiresMountsFor=${[...mounts].map(path => pathWord(path)).join(' ')}`,
    '# Notifications and off-site targets.',
    'Wants=network-online.target',
    'After=network-online.target',
  ])
}

/** `extra` words are systemd's own, with specifiers in them. */
function command(plan: ServicePlan, extra: readonly string[]): string[] {
  const words = [plan.script, ...plan.options].map(argumentWord)
  return [
    `ExecStart=${[programWord(plan.program), ...words, ...extra].join(' ')}`,
    `WorkingDirectory=${wholeLine(plan.workingDirectory)}`,
    ...Object.entries(plan.environment).map(([name, value]) => `Environment=${environmentWord(name, value)}`),
    `User=${plan.user}`,
  ]
}

function hardening(plan: ServicePlan): string[] {
  const isBelowHome = hasPathBelow(plan, ['/home', '/root', '/run/user'])
  const isBelowTemporary = hasPathBelow(plan, ['/tmp', '/var/tmp'])
  return [
    'UMask=0077',
    '# A backup gives way to what the machine is for.',
    'Nice=10',
    'IOSchedulingPriority=7',
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    '# The databases, because readers of a WAL write its index beside it, and their backups. A "-" before a path: the',
    '# scheduler starts without it too, and tells what is missing.',
    ...plan.writtenDirectories.map(path => `ReadWritePaths=${pathWord(path, '-')}`),
    `ProtectHome=${isBelowHome ? 'read-only' : 'yes'}`,
    ...(isBelowTemporary ? [] : ['PrivateTmp=yes']),
    'PrivateDevices=yes',
    'PrivateMounts=yes',
    'ProtectClock=yes',
    'ProtectControlGroups=yes',
    'ProtectHostname=yes',
    'ProtectKernelLogs=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelTunables=yes',
    'ProtectProc=invisible',
    'RemoveIPC=yes',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'CapabilityBoundingSet=',
    'AmbientCapabilities=',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
    'SystemCallArchitectures=native',
    'SystemCallFilter=@system-service',
    'SystemCallErrorNumber=EPERM',
    '# Not MemoryDenyWriteExecute=yes: V8 compiles what it runs.',
  ]
}

function section(name: string, lines: readonly string[]): string {
  return [`[${name}]`, ...lines].join('\n')
}

function fileOf(plan: ServicePlan, sections: readonly string[]): string {
  return `${[markOf(plan), ...sections].join('\n\n')}\n`
}
