/**
 * Which addresses are sent to. A URL may lead where no receiver of notifications is: link-local addresses and the
 * metadata services of clouds, which hand out credentials. What a name resolves to is decided on, not the name.
 */
import { BlockList, isIPv4 } from 'node:net'

type Range = readonly [network: string, prefix: number]

/** Link-local, metadata services, and what is no address of one machine. */
const REFUSED_IPV4: readonly Range[] = [
  ['0.0.0.0', 8], // "this host" (RFC 1122)
  ['169.254.0.0', 16], // link-local (RFC 3927), with 169.254.169.254 of AWS, Google, Azure and others
  ['100.100.100.200', 32], // metadata of Alibaba Cloud
  ['168.63.129.16', 32], // the host agent of Azure
  ['192.0.0.192', 32], // metadata of Oracle Cloud
  ['224.0.0.0', 3], // multicast, reserved, broadcast
]
const REFUSED_IPV6: readonly Range[] = [
  ['::', 128],
  ['fe80::', 10], // link-local (RFC 4291)
  ['fec0::', 10], // site-local, deprecated
  ['fd00:ec2::254', 128], // metadata of AWS
  ['fd20:ce::254', 128], // metadata of Google Cloud
  ['ff00::', 8], // multicast
]
/** Where what is sent stays on this machine or in its own network, so that plain http gives nothing away. */
const PRIVATE_IPV4: readonly Range[] = [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10], // shared (RFC 6598), as overlay networks use it
  ['169.254.0.0', 16],
]
const PRIVATE_IPV6: readonly Range[] = [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
]
/** IPv6 addresses that stand for an IPv4 address in their last 32 bits: mapped, NAT64 (RFC 6052, 8215). */
const EMBEDDING = ['::ffff:', '64:ff9b::', '64:ff9b:1::'] as const

const refused = listOf(REFUSED_IPV4, REFUSED_IPV6)
const local = listOf(PRIVATE_IPV4, PRIVATE_IPV6)

export interface AddressRules {
  /** Whether what is sent is encrypted. */
  readonly isSecure: boolean
  readonly allowLinkLocal: boolean
}

/** Why nothing is sent to an IP address; null when it is. */
export function refusalOf(address: string, { isSecure, allowLinkLocal }: AddressRules): string | null {
  // A zone, as in fe80::1%eth0, says which interface, not what kind of address it is.
  const plain = address.replace(/%.*$/, '')
  const family = isIPv4(plain) ? 'ipv4' : 'ipv6'
  if (!allowLinkLocal && refused.check(plain, family)) return 'it is a link-local or metadata address'
  if (!isSecure && !local.check(plain, family)) return 'plain http is only for private addresses'
  return null
}

function listOf(ipv4: readonly Range[], ipv6: readonly Range[]): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of ipv4) {
    list.addSubnet(network, prefix, 'ipv4')
    for (const start of EMBEDDING) list.addSubnet(`${start}${network}`, 96 + prefix, 'ipv6')
    list.addSubnet(`2002:${hexOf(network)}::`, 16 + prefix, 'ipv6') // 6to4 (RFC 3056)
  }
  for (const [network, prefix] of ipv6) list.addSubnet(network, prefix, 'ipv6')
  return list
}

function hexOf(ipv4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number)
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}
