import { expect, test } from 'vitest'
import { refusalOf } from '../../src/notify/addresses.ts'

const SECURE = { isSecure: true, allowLinkLocal: false }
const PLAIN = { isSecure: false, allowLinkLocal: false }

const METADATA_AND_LINK_LOCAL = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.0.1',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fd00:ec2::254',
  'fd20:ce::254',
  'ff02::1',
  // The same as IPv4 addresses inside IPv6: mapped, NAT64, 6to4.
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '0:0:0:0:0:ffff:a9fe:a9fe',
  '64:ff9b::169.254.169.254',
  '64:ff9b:1::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  '::ffff:100.100.100.200',
]

test.each(METADATA_AND_LINK_LOCAL)('%s is refused, encrypted or not', address => {
  expect(refusalOf(address, SECURE)).toBe('it is a link-local or metadata address')
  expect(refusalOf(address, PLAIN)).toBe('it is a link-local or metadata address')
})

test.each(['169.254.10.20', 'fe80::1', '::ffff:169.254.10.20'])(
  '%s is allowed where that is said',
  address => {
    expect(refusalOf(address, { isSecure: false, allowLinkLocal: true })).toBeNull()
  },
)

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '::1',
  'fd12:3456::1',
  '::ffff:192.168.1.1',
])('%s is on this machine or its network: it may be sent to, encrypted or not', address => {
  expect(refusalOf(address, SECURE)).toBeNull()
  expect(refusalOf(address, PLAIN)).toBeNull()
})

test.each(['93.184.216.34', '172.32.0.1', '100.63.0.1', '2606:4700::1111', '::ffff:93.184.216.34'])(
  '%s is on the internet: it is sent to only encrypted',
  address => {
    expect(refusalOf(address, SECURE)).toBeNull()
    expect(refusalOf(address, PLAIN)).toBe('plain http is only for private addresses')
  },
)
