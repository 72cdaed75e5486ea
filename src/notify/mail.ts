/** E-mail, through nodemailer. */
import type { NodemailerError, Transporter } from 'nodemailer'
import type { EmailConfig } from '../config/notify.ts'
import type { Letter } from './letter.ts'
import { readSecret, type SecretPorts } from './secrets.ts'
import { timedOut, Undelivered, unreachable } from './undelivered.ts'

const DEFAULT_PORTS = { starttls: 587, implicit: 465, none: 25 } as const

/** A recipient that the server does not take the mail for. */
interface Refusal {
  readonly recipient: string
  /** What it answered: from 500 on it is for good. */
  readonly status: number
}

/** One mail, in however many attempts. Who took it gets it no second time because somebody else was refused. */
export class Mailing {
  readonly #channel: EmailConfig
  readonly #letter: Letter
  readonly #ports: SecretPorts
  #waiting: readonly string[]
  #refused: readonly Refusal[] = []
  #isTaken = false

  constructor(channel: EmailConfig, letter: Letter, ports: SecretPorts) {
    this.#channel = channel
    this.#letter = letter
    this.#ports = ports
    this.#waiting = channel.to
  }

  /** Hands it to the configured server, for those who wait for it. Throws {@link Undelivered} while anybody is refused. */
  async send(signal: AbortSignal): Promise<void> {
    const refusals = await this.#handOver(signal)
    if (refusals.length < this.#waiting.length) this.#isTaken = true
    const forNow = refusals.filter(({ status }) => status < 500)
    this.#waiting = forNow.map(({ recipient }) => recipient)
    this.#refused = [...this.#refused, ...refusals.filter(({ status }) => status >= 500)]
    const untold = [...this.#refused, ...forNow]
    if (untold.length === 0) return
    const names = untold.map(({ recipient, status }) => `${recipient} (${status})`).join(', ')
    throw new Undelivered('rejected', `The mail server refuses ${names}`, {
      mayRetry: forNow.length > 0,
      isTaken: this.#isTaken && forNow.length === 0,
      hint: 'Check these addresses, and look at its log. Whoever else it is for has it.',
    })
  }

  async #handOver(signal: AbortSignal): Promise<readonly Refusal[]> {
    const { from, to } = this.#channel
    const { message, id } = this.#letter
    const transport = await openTransport(this.#channel, this.#ports)
    try {
      const info = await transport.sendMail({
        from,
        to,
        envelope: { from, to: [...this.#waiting] },
        subject: message.subject,
        text: message.body,
        // The same for every attempt: a mailbox may recognise the second of two.
        messageId: `<${id}@chame-backup>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
        disableFileAccess: true,
        disableUrlAccess: true,
        signal,
      })
      return refusalsIn(info)
    } catch (error) {
      if (signal.aborted) throw timedOut()
      // Where all of them are refused, that is what it throws.
      const refusals = refusalsIn(error)
      if (refusals.length === 0) throw asUndelivered(error)
      return refusals
    } finally {
      transport.close()
    }
  }
}

async function openTransport(
  { host, tls = 'starttls', port = DEFAULT_PORTS[tls], user, password }: EmailConfig,
  ports: SecretPorts,
): Promise<Transporter> {
  const auth =
    user === undefined || password === undefined
      ? {}
      : { auth: { user, pass: await readSecret(password, ports) } }
  // Loaded late: most runs send no mail.
  const { createTransport } = await import('nodemailer')
  return createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...auth,
  })
}

function refusalsIn(answer: unknown): Refusal[] {
  const { rejectedErrors = [] } = (answer ?? {}) as { rejectedErrors?: readonly NodemailerError[] }
  return rejectedErrors.map(({ recipient = '', responseCode = 0 }) => ({ recipient, status: responseCode }))
}

/** In words of ours: the server's answer may quote anything. */
function asUndelivered(error: unknown): Undelivered {
  const { code, originalCode, status } = partsOf(error)
  if (code === 'EAUTH' || code === 'ENOAUTH') {
    return new Undelivered('rejected', 'The mail server does not accept the user and password', {
      hint: 'Check both; some providers want a password made for applications.',
    })
  }
  // Before its status: it is the answer to STARTTLS.
  if (code === 'ETLS') {
    return new Undelivered('unreachable', 'The mail server offers no TLS', {
      hint: 'Check tls and port: 587 is usual for starttls, 465 for implicit. Nothing is sent without.',
    })
  }
  if (status >= 400) {
    return new Undelivered('rejected', `The mail server answered ${status}`, {
      mayRetry: status < 500,
      hint: 'Look at its log: it may refuse the sender, a recipient, or mail from this machine.',
    })
  }
  return unreachable(originalCode ?? code)
}

function partsOf(error: unknown): { code: string; originalCode: string | undefined; status: number } {
  const parts = (error ?? {}) as { code?: unknown; originalCode?: unknown; responseCode?: unknown }
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  return {
    code: text(parts.code) ?? 'unknown',
    originalCode: text(parts.originalCode),
    status: typeof parts.responseCode === 'number' ? parts.responseCode : 0,
  }
}
