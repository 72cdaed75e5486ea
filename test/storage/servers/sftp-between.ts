/**
 * What sshd starts as its SFTP server: OpenSSH's own, with this in between, which breaks off as a file says. Words: the
 * file, then what the server is given. The protocol is that of draft-ietf-secsh-filexfer-02; nothing is encrypted here.
 */
import { spawn } from 'node:child_process'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { SftpFault } from './sftp-faults.ts'

const SERVER = '/usr/lib/openssh/sftp-server'
const TYPES: Readonly<Record<number, string>> = {
  3: 'open',
  4: 'close',
  6: 'write',
  13: 'remove',
  18: 'rename',
}
const EXTENDED = 200

const [faultFile = '', ...options] = process.argv.slice(2)
const server = spawn(SERVER, options, { stdio: ['pipe', 'pipe', 'inherit'] })

/** As when the machine loses its power. */
function breakOff(): void {
  isBroken = true
  rmSync(faultFile)
  server.kill('SIGKILL')
  process.kill(process.pid, 'SIGKILL')
}

function faultNow(): SftpFault | null {
  try {
    return JSON.parse(readFileSync(faultFile, 'utf8')) as SftpFault
  } catch {
    return null
  }
}

/** The strings of a packet, from an offset on: each is its length and its bytes. */
function stringsOf(packet: Buffer, from: number): string[] {
  const strings: string[] = []
  for (let at = from; at + 4 <= packet.length;) {
    const length = packet.readUInt32BE(at)
    strings.push(packet.toString('utf8', at + 4, at + 4 + length))
    at += 4 + length
  }
  return strings
}

function nameOf(packet: Buffer): string {
  const type = packet[4] ?? 0
  return type === EXTENDED ? (stringsOf(packet, 9)[0] ?? '') : (TYPES[type] ?? String(type))
}

/** Packets that come whole: the length of each stands in front of it. */
function onPackets(stream: NodeJS.ReadableStream, take: (packet: Buffer) => void): void {
  let held = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
      const length = 4 + held.readUInt32BE(0)
      take(held.subarray(0, length))
      held = held.subarray(length)
    }
  })
}

let requests = 0
let awaited: number | null = null
let isBroken = false

onPackets(process.stdin, packet => {
  if (isBroken) return
  requests++
  const fault = faultNow()
  const isMet = fault !== null && (fault.request === nameOf(packet) || fault.at === requests)
  if (isMet) {
    const [from = '', to = ''] = stringsOf(packet, 9)
    if (fault.plant !== undefined) writeFileSync(to, fault.plant)
    if (fault.how === 'half') linkSync(from, to)
    if (fault.how !== 'lose-answer') return breakOff()
    awaited = packet.readUInt32BE(5)
  }
  server.stdin.write(packet)
})
onPackets(server.stdout, packet => {
  if (isBroken) return
  if (awaited !== null && packet.readUInt32BE(5) === awaited) return breakOff()
  process.stdout.write(packet)
})
process.stdin.on('end', () => server.stdin.end())
server.on('close', code => process.exit(code ?? 1))
