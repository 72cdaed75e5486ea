/**
 * Debian's Chromium. Where it is missing, and this runs as root with apt, it is installed; elsewhere tests that need it
 * say that they are skipped, and fail in CI.
 */
import { spawnSync } from 'node:child_process'
import { type Browser, chromium } from 'playwright-core'
import { hasTool, isRoot } from '../../support/requirements.ts'

/** Nothing of a browser that calls home, or keeps anything. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Whether there is a Chromium by now. */
export function provideChromium(): boolean {
  if (hasTool('chromium')) return true
  if (!isRoot || !hasTool('apt-get')) return false
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = (): boolean =>
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], { env }).status ===
    0
  return install() || (spawnSync('apt-get', ['update', '-qq'], { env }).status === 0 && install())
}

/** A browser with a profile of its own, which goes with it. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS })
}
