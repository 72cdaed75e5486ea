/** S3 on OpenStack Swift: another code base, which answers conditional writes with "not implemented". */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, freePort, listening, remove, run, serverDirectory, startDaemon } from './daemon.ts'
import type { S3Server } from './s3-server.ts'

export const SWIFT_NEEDS = [
  'root',
  'linux',
  'swift-proxy-server',
  'swift-account-server',
  'swift-container-server',
  'swift-object-server',
  'swift-ring-builder',
  'memcached',
  'mkfs.xfs',
  'setpriv',
] as const

const SERVICES = ['account', 'container', 'object'] as const

export async function startSwift(): Promise<S3Server> {
  const directory = serverDirectory()
  const daemons: Daemon[] = []
  let isMounted = false
  const stop = async (): Promise<void> => {
    for (const daemon of daemons.toReversed()) await daemon[Symbol.asyncDispose]()
    if (isMounted) run('umount', [join(directory, 'devices/d1')])
    remove(directory)
  }
  try {
    // Its objects have their metadata in extended attributes, which not every temporary directory takes.
    const disk = join(directory, 'devices/d1')
    mkdirSync(disk, { recursive: true })
    run('truncate', ['-s', '400M', join(directory, 'disk.img')])
    run('mkfs.xfs', ['-q', '-f', join(directory, 'disk.img')])
    run('mount', ['-o', 'loop', join(directory, 'disk.img'), disk])
    isMounted = true
    const cache = await freePort()
    const memcached = startDaemon('memcached', ['-u', 'root', '-l', '127.0.0.1', '-p', String(cache)])
    daemons.push(memcached)
    await listening(cache, memcached)
    writeFileSync(join(directory, 'swift.conf'), '[swift-hash]\nswift_hash_path_suffix = chame\n')
    const started: Promise<void>[] = []
    for (const service of SERVICES) {
      const port = await freePort()
      makeRing(directory, service, port)
      writeFileSync(join(directory, `${service}.conf`), serviceConfig(directory, service, port))
      const daemon = startDaemon(`swift-${service}-server`, [join(directory, `${service}.conf`)])
      daemons.push(daemon)
      started.push(listening(port, daemon))
    }
    const port = await freePort()
    writeFileSync(join(directory, 'proxy.conf'), proxyConfig(directory, port, cache))
    const proxy = startDaemon('swift-proxy-server', [join(directory, 'proxy.conf')])
    daemons.push(proxy)
    await Promise.all([...started, listening(port, proxy)])
    return {
      endpoint: `http://127.0.0.1:${port}`,
      environment: { S3_SECRET: 'testing' },
      accessKeyId: 'test:tester',
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function makeRing(directory: string, service: string, port: number): void {
  const builder = join(directory, `${service}.builder`)
  run('swift-ring-builder', [builder, 'create', '4', '1', '1'])
  run('swift-ring-builder', [builder, 'add', `r1z1-127.0.0.1:${port}/d1`, '1'])
  run('swift-ring-builder', [builder, 'rebalance'])
}

function serviceConfig(directory: string, service: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
user = root
swift_dir = ${directory}
devices = ${directory}/devices
mount_check = false
workers = 0
log_level = ERROR
[pipeline:main]
pipeline = ${service}-server
[app:${service}-server]
use = egg:swift#${service}
`
}

function proxyConfig(directory: string, port: number, cache: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
user = root
swift_dir = ${directory}
workers = 0
log_level = ERROR
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${cache}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
dns_compliant_bucket_names = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
`
}
