import { Argument, type Command, Option } from 'commander'
import type { AccessToken } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given } from './options.ts'
import { outWidth, paintOut } from './output.ts'
import { refuseOfOthers } from './refuse-unused.ts'
import { inSession, type Session } from './session.ts'
import { type Column, renderTable } from './table.ts'
import { safeText } from './text.ts'

interface TokenOptions {
  readonly name?: string
  readonly role?: 'viewer' | 'operator' | 'admin'
  readonly expires?: string
}

const ACTIONS = ['create', 'list', 'revoke'] as const
type Action = (typeof ACTIONS)[number]

const TAKES: Readonly<Record<Action, readonly (keyof TokenOptions | 'id')[]>> = {
  create: ['name', 'role', 'expires'],
  list: [],
  revoke: ['id'],
}

export function tokenCommand(): Command {
  const command = defineCommand('token', 'Make, list and revoke the API tokens of `chame-backup serve`.')
    .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
    .argument('[id]', 'of revoke: the id that list shows')
    .option('--name <text>', 'of create: what it is for')
    .addOption(
      new Option('--role <role>', 'of create: what it may do').choices(['viewer', 'operator', 'admin']),
    )
    .option('--expires <when>', 'of create: "90d", or an instant in ISO 8601 (default: never)')
    .addHelpText(
      'after',
      examples([
        ['token create --name monitoring --role viewer --expires 365d', 'its secret is shown once'],
        ['token list', 'who has one, and when it was last used'],
        ['token revoke 0123456789abcdef', 'refuse it from now on'],
      ]),
    )
    .action((action: Action, id: string | undefined, options: TokenOptions, called: Command) =>
      inSession(called, session => act(session, action, id, options)),
    )
  return refuseOfOthers(command, TAKES)
}

async function act(
  session: Session,
  action: Action,
  id: string | undefined,
  options: TokenOptions,
): Promise<number> {
  const { BackupError } = await import('../index.ts')
  const { administration } = session
  if (action === 'list') {
    return session.show(await administration.listTokens(), ({ tokens }) => renderTokens(tokens))
  }
  if (action === 'revoke' && id !== undefined) {
    return session.show(await administration.revokeToken(id), ({ token }) =>
      session.options.quiet ? '' : `${paintOut('green', '✔ Revoked:')} ${safeText(token.name)}`,
    )
  }
  const { name, role, expires } = options
  if (action === 'create' && name !== undefined && role !== undefined) {
    const made = await administration.createToken({ name, role, ...given({ expires }) })
    return session.show(made, ({ secret, token }) =>
      session.options.quiet
        ? secret
        : `${secret}\n\n${paintOut('green', '✔ Made:')} ${safeText(token.name)}, ${token.role}, id ${token.id}. The token above is not shown again.`,
    )
  }
  throw new BackupError('INVALID_ARGUMENT', `Not a way to call token: ${action}`, {
    hint: `${USES[action]} See: chame-backup token --help`,
  })
}

const USES: Readonly<Record<Exclude<Action, 'list'>, string>> = {
  create: 'It takes what the token is for, and what it may do: token create --name <text> --role <role>.',
  revoke: 'It takes the id that token list shows: token revoke <id>.',
}

function renderTokens(tokens: readonly AccessToken[]): string {
  if (tokens.length === 0)
    return 'There are no tokens. Make one with: chame-backup token create --name <text> --role <role>'
  const columns: readonly Column<AccessToken>[] = [
    { title: 'Id', value: ({ id }) => id },
    { title: 'Name', value: ({ name }) => safeText(name), shrinkTo: 10 },
    { title: 'Role', value: ({ role }) => role },
    { title: 'Made', value: ({ createdAt }) => createdAt.slice(0, 10), drop: 2 },
    { title: 'Expires', value: ({ expiresAt }) => expiresAt?.slice(0, 10) ?? 'never' },
    {
      title: 'Last used',
      value: ({ lastUsedAt }) => lastUsedAt?.slice(0, 16).replace('T', ' ') ?? 'never',
      drop: 1,
    },
  ]
  return renderTable(columns, tokens, { width: outWidth(), paintTitle: text => paintOut('bold', text) })
}
