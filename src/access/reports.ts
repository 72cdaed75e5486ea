/** What is asked of tokens and what is answered. */
import type { Role } from './token.ts'

export type { Role } from './token.ts'

/** An API token, without its secret. Instants are UTC, ISO 8601. */
export interface AccessToken {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly createdAt: string
  /** Null: never. */
  readonly expiresAt: string | null
  /** To the minute; null: never. */
  readonly lastUsedAt: string | null
}

export interface CreateTokenRequest {
  /** For people, and for the audit log: 1 to 100 characters. */
  readonly name: string
  readonly role: Role
  /** A duration such as "90d", or an instant in ISO 8601. Default: never. */
  readonly expires?: string
}

export interface TokenCreated {
  /** Shown once: only its hash is stored. */
  readonly secret: string
  readonly token: AccessToken
}

export interface TokensListed {
  readonly success: true
  /** Oldest first. */
  readonly tokens: readonly AccessToken[]
}

export interface LogInLink {
  /** Behind `#` in the console's address; it logs in once. */
  readonly secret: string
  readonly expiresAt: string
}
