/** S3 on Ceph RGW: real signatures, multipart, versions, object lock. One monitor, one disk, all on loopback. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import {
  type Daemon,
  freePort,
  listening,
  remove,
  run,
  serverDirectory,
  startDaemon,
  until,
} from './daemon.ts'
import type { S3Server } from './s3-server.ts'

export const RGW_NEEDS = [
  'root',
  'linux',
  'ceph-mon',
  'ceph-mgr',
  'ceph-osd',
  'radosgw',
  'ceph',
  'setpriv',
] as const

export interface Rgw extends S3Server {
  /** Runs `radosgw-admin`. */
  readonly admin: (...words: string[]) => string
  /** Kills the gateway, with whatever it was doing; what it stored stays. */
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
}

export async function startRgw(): Promise<Rgw> {
  const directory = serverDirectory()
  const daemons: Daemon[] = []
  let gateway: Daemon | null = null
  const stopGateway = async (): Promise<void> => {
    await gateway?.[Symbol.asyncDispose]()
    gateway = null
  }
  const stopAll = async (): Promise<void> => {
    await stopGateway()
    for (const daemon of daemons.toReversed()) await daemon[Symbol.asyncDispose]()
    remove(directory)
  }
  try {
    const monitor = await freePort()
    const port = await freePort()
    writeConfig(directory, { monitor, port })
    await startCluster(directory, monitor, daemons)
    const environment = { CEPH_CONF: join(directory, 'ceph.conf') }
    const start = async (): Promise<void> => {
      gateway = startDaemon('radosgw', ['-f', '-n', 'client.rgw.a'], environment)
      await listening(port, gateway)
    }
    await start()
    const admin = (...words: string[]): string => run('radosgw-admin', words, { environment })
    admin('user', 'create', '--uid=t', '--display-name=t', '--access-key=AKTEST', '--secret-key=sktest')
    return {
      endpoint: `http://127.0.0.1:${port}`,
      environment: { S3_SECRET: 'sktest' },
      accessKeyId: 'AKTEST',
      admin,
      stop: stopGateway,
      start,
      [Symbol.asyncDispose]: stopAll,
    }
  } catch (error) {
    await stopAll()
    throw error
  }
}

async function startCluster(directory: string, monitor: number, daemons: Daemon[]): Promise<void> {
  const environment = { CEPH_CONF: join(directory, 'ceph.conf') }
  const at = (name: string): string => join(directory, name)
  const ceph = (...words: string[]): string => run('ceph', words, { environment })
  const start = (command: string, ...words: string[]): Daemon => {
    const daemon = startDaemon(command, ['-f', ...words], environment)
    daemons.push(daemon)
    return daemon
  }
  const key = (file: string, ...words: string[]): string =>
    run('ceph-authtool', ['--create-keyring', at(file), '--gen-key', ...words])
  const all = ['mon', 'osd', 'mgr', 'mds'].flatMap(daemon => ['--cap', daemon, 'allow *'])
  key('mon.keyring', '-n', 'mon.', '--cap', 'mon', 'allow *')
  key('client.admin.keyring', '-n', 'client.admin', ...all)
  run('ceph-authtool', [at('mon.keyring'), '--import-keyring', at('client.admin.keyring')])
  const fsid = /fsid = (\S+)/.exec(readFileSync(at('ceph.conf'), 'utf8'))?.[1] ?? ''
  run('monmaptool', ['--create', '--addv', 'a', `[v2:127.0.0.1:${monitor}]`, '--fsid', fsid, at('monmap')])
  run('ceph-mon', ['-i', 'a', '--mkfs', '--monmap', at('monmap'), '--keyring', at('mon.keyring')], {
    environment,
  })
  writeFileSync(at('mon/keyring'), readFileSync(at('mon.keyring')))
  await listening(monitor, start('ceph-mon', '-i', 'a', '--keyring', at('mon/keyring')))
  const keep = (file: string, ...words: string[]): void =>
    writeFileSync(at(file), ceph('auth', 'get-or-create', ...words))
  keep('mgr.x.keyring', 'mgr.x', 'mon', 'allow profile mgr', 'osd', 'allow *', 'mds', 'allow *')
  start('ceph-mgr', '-i', 'x')
  keep('client.rgw.a.keyring', 'client.rgw.a', 'mon', 'allow rw', 'osd', 'allow rwx', 'mgr', 'allow rw')
  key('osd.0.keyring', '-n', 'osd.0')
  const secret = run('ceph-authtool', ['-p', '-n', 'osd.0', at('osd.0.keyring')]).trim()
  const id = randomUUID()
  run('ceph', ['osd', 'new', id, '0', '-i', '-'], {
    environment,
    input: JSON.stringify({ cephx_secret: secret }),
  })
  run('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', id], { environment })
  const disk = start('ceph-osd', '-i', '0')
  await until(() => ceph('osd', 'stat').includes('1 up'), disk)
}

function writeConfig(directory: string, { monitor, port }: { monitor: number; port: number }): void {
  for (const name of ['mon', 'mgr', 'osd', 'rgw', 'run']) mkdirSync(join(directory, name))
  const at = (name: string): string => join(directory, name)
  const text = `[global]
fsid = ${randomUUID()}
mon host = v2:127.0.0.1:${monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = ${directory}/$name.keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail warn = 1
mon data avail crit = 1
run dir = ${at('run')}
admin socket = ${at('run')}/$name.asok
pid file = ${at('run')}/$name.pid
log file = ${at('run')}/$name.log
[mon.a]
mon data = ${at('mon')}
[mgr.x]
mgr data = ${at('mgr')}
[osd.0]
osd data = ${at('osd')}
osd objectstore = bluestore
bluestore block size = 3221225472
bluestore block create = true
osd memory target = 939524096
[client.rgw.a]
rgw data = ${at('rgw')}
# Of a gateway that was killed while it joined parts nobody waits for minutes that it goes on;
rgw mp lock max time = 2
# nor does one that is started then wait for what the dead one says of its cache.
rgw cache enabled = false
rgw frontends = beast endpoint=127.0.0.1:${port}
`
  writeFileSync(at('ceph.conf'), text)
}
