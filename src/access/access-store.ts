import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError } from '../errors.ts'
import { parseDuration } from '../schedule/duration.ts'
import { parseInstant } from '../schedule/instant.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import {
  accessDirectory,
  changeAccess,
  readAccess,
  type ReadAccess,
  type StoredToken,
} from './access-file.ts'
import { LastUse } from './last-use.ts'
import type { AccessToken, CreateTokenRequest, LogInLink, TokenCreated } from './reports.ts'
import { digestOf, makeSecret, parseSecret, ROLES, type Role, sameDigest } from './token.ts'

/** Long enough to walk to a browser. */
const LINK_MS = 15 * 60_000
const NAME_LENGTH_MAX = 100
/** More would be a mistake, and make the file long to read. */
const TOKENS_MAX = 1000
/** What a secret with an unknown id is compared with, so that it takes as long as any other. */
const NOBODY: string = digestOf(randomBytes(32).toString('hex'))

/** The API tokens and log-in links of a server. Throws {@link BackupError}; what is broken lets nobody in. */
export class AccessStore {
  readonly #directory: string
  readonly #now: () => Date
  readonly #lastUse: LastUse
  #known: ReadAccess | null = null

  /** @param backupDir the directory of the server's default database */
  constructor(backupDir: string, now: () => Date = () => new Date()) {
    this.#directory = accessDirectory(backupDir)
    this.#now = now
    this.#lastUse = new LastUse(this.#directory, now)
  }

  /** Makes a token. Its secret is in the answer and nowhere else. */
  async createToken({ name, role, expires }: CreateTokenRequest): Promise<TokenCreated> {
    const now = this.#now()
    if (typeof name !== 'string' || name.trim() === '' || name.length > NAME_LENGTH_MAX) {
      throw wrong('The name of a token has 1 to 100 characters')
    }
    if (!ROLES.includes(role)) throw wrong(`There is no such role: ${JSON.stringify(role)}`)
    const { id, secret, digest } = makeSecret('chb', randomBytes)
    const token: StoredToken = {
      id,
      name: name.trim(),
      role,
      digest,
      createdAt: now.toISOString(),
      expiresAt: expires === undefined ? null : instantOf(expires, now).toISOString(),
    }
    await changeAccess(this.#directory, file => {
      const tokens = file.tokens.filter(each => !isOver(each.expiresAt, now))
      if (tokens.length >= TOKENS_MAX) throw wrong(`There are ${TOKENS_MAX} tokens already`)
      return { file: { ...file, tokens: [...tokens, token] }, result: undefined }
    })
    return { secret, token: await this.#shown(token) }
  }

  /** All tokens that have not been revoked, oldest first. */
  async listTokens(): Promise<readonly AccessToken[]> {
    const { file } = await this.#read()
    return Promise.all(file.tokens.map(token => this.#shown(token)))
  }

  /** From now on it is refused, in whatever is under way too. Throws `INVALID_ARGUMENT` for one that is not there. */
  async revokeToken(id: string): Promise<AccessToken> {
    const revoked = await changeAccess(this.#directory, file => {
      const result = file.tokens.find(token => token.id === id)
      if (result === undefined) throw unknownToken(id)
      return { file: { ...file, tokens: file.tokens.filter(token => token.id !== id) }, result }
    })
    return this.#shown(revoked)
  }

  /** The token that a secret is of; null for one that nobody has, or has no longer. Notes its use. */
  async authenticate(secret: string): Promise<AccessToken | null> {
    const parsed = parseSecret(secret)
    const { file } = await this.#read()
    const found = parsed?.kind === 'chb' ? file.tokens.find(({ id }) => id === parsed.id) : undefined
    // Compared in any case: an unknown id is refused as slowly as a wrong secret.
    const isSame = sameDigest(parsed?.digest ?? NOBODY, found?.digest ?? NOBODY)
    if (found === undefined || parsed === null || !isSame || isOver(found.expiresAt, this.#now())) return null
    await this.#lastUse.note(found.id)
    return this.#shown(found)
  }

  /** Whether a token is still there and has not expired. */
  async isCurrent(id: string): Promise<boolean> {
    const { file } = await this.#read()
    const token = file.tokens.find(each => each.id === id)
    return token !== undefined && !isOver(token.expiresAt, this.#now())
  }

  /** Makes a secret that logs in once, within a quarter of an hour, as admin. */
  async createLogInLink(): Promise<LogInLink> {
    const now = this.#now()
    const { id, secret, digest } = makeSecret('chl', randomBytes)
    const expiresAt = new Date(now.getTime() + LINK_MS).toISOString()
    await changeAccess(this.#directory, file => {
      const links = file.links.filter(link => !isOver(link.expiresAt, now))
      return {
        file: { ...file, links: [...links, { id, digest, role: 'admin', expiresAt }] },
        result: undefined,
      }
    })
    return { secret, expiresAt }
  }

  /** The role that a log-in link gives, which is used up with that; null for one that is not there. */
  async redeemLogInLink(secret: string): Promise<{ readonly id: string; readonly role: Role } | null> {
    const parsed = parseSecret(secret)
    const now = this.#now()
    const { file } = await this.#read()
    const found = parsed?.kind === 'chl' ? file.links.find(({ id }) => id === parsed.id) : undefined
    const isSame = sameDigest(parsed?.digest ?? NOBODY, found?.digest ?? NOBODY)
    if (found === undefined || !isSame || isOver(found.expiresAt, now)) return null
    // Of two who have it one comes in: who takes it out of the file.
    const isOurs = await changeAccess(this.#directory, current => ({
      file: { ...current, links: current.links.filter(({ id }) => id !== found.id) },
      result: current.links.some(({ id }) => id === found.id),
    }))
    return isOurs ? { id: found.id, role: found.role } : null
  }

  /** Whether nobody could log in but by a link. */
  async isEmpty(): Promise<boolean> {
    return (await this.#read()).file.tokens.length === 0
  }

  /** The file as it is now; it is read again only when it has changed. */
  async #read(): Promise<ReadAccess> {
    const path = join(this.#directory, 'access.json')
    const stats = await unlessMissing(path, () => stat(path, { bigint: true }))
    const identity = stats === null ? null : `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`
    if (this.#known?.identity !== identity || identity === null) {
      this.#known = null
      this.#known = await readAccess(this.#directory)
    }
    return this.#known ?? (await readAccess(this.#directory))
  }

  async #shown({ id, name, role, createdAt, expiresAt }: StoredToken): Promise<AccessToken> {
    return { id, name, role, createdAt, expiresAt, lastUsedAt: await this.#lastUse.of(id) }
  }
}

function isOver(expiresAt: string | null, now: Date): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now.getTime()
}

/** @param text a duration such as "90d", or an instant in ISO 8601 */
function instantOf(text: string, now: Date): Date {
  const durationMs = parseDuration(text)
  const instant = durationMs === null ? parseInstant(text) : new Date(now.getTime() + durationMs)
  if (instant !== null && instant > now) return instant
  throw wrong(`A token cannot expire at ${JSON.stringify(text)}`)
}

function wrong(message: string): BackupError {
  return new BackupError('INVALID_ARGUMENT', message, {
    hint: 'A token has a name, a role (viewer, operator, admin), and may expire: "90d", or an instant to come in ISO 8601, such as 2027-01-01 or 2027-01-01T06:00:00+01:00.',
  })
}

function unknownToken(id: string): BackupError {
  return new BackupError('INVALID_ARGUMENT', `There is no token ${JSON.stringify(id)}`, {
    hint: 'See what there is with: chame-backup token list.',
  })
}
