/** E-mail, through nodemailer. */
import type { EmailConfig } from '../config/notify.ts'
import type { Letter } from './letter.ts'
import { readSecret, type SecretPorts } from './secrets.ts'
import { timedOut, Undelivered, unreachable } from './undelivered.ts'

const DEFAULT_PORTS = { starttls: 587, implicit: 465, none: 25 } as const

export interface MailOptions extends SecretPorts {
  readonly signal: AbortSignal
}

/** Hands one mail to the configured server. Throws {@link Undelivered}. */
export async function sendMail(
  channel: EmailConfig,
  { message, id }: Letter,
  { signal, ...ports }: MailOptions,
): Promise<void> {
  const { host, tls = 'starttls', port = DEFAULT_PORTS[tls], user, password, from, to } = channel
  const auth =
    user === undefined || password === undefined
      ? {}
      : { auth: { user, pass: await readSecret(password, ports) } }
  // Loaded late: most runs send no mail.
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...auth,
  })
  try {
    await transport.sendMail({
      from,
      to,
      subject: message.subject,
      text: message.body,
      // The same for every attempt: a mailbox may recognise the second of two.
      messageId: `<${id}@chame-backup>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
      disableFileAccess: true,
      disableUrlAccess: true,
      signal,
    })
  } catch (error) {
    throw signal.aborted ? timedOut() : asUndelivered(error)
  } finally {
    transport.close()
  }
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
