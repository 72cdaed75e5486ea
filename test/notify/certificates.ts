import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { onTestFinished } from 'vitest'
import { run } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** A certificate for `localhost`, which nobody trusts. */
export function makeCertificate(): Certificate {
  const directory = temporaryDirectory()
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const made = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'.split(' ')
  const named = '-subj /CN=localhost -addext subjectAltName=DNS:localhost'.split(' ')
  run('openssl', [...made, ...named, '-keyout', key, '-out', cert])
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

/** Until the test ends this process trusts it. */
export function trust({ cert }: Certificate): void {
  const trusted = getCACertificates()
  onTestFinished(() => setDefaultCACertificates(trusted))
  setDefaultCACertificates([...trusted, cert])
}
