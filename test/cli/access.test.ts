/** `token` and `serve --login-link`, as people use them beside a server that runs. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { filesOf } from '../server/files.ts'
import { serveProcess } from '../server/serve-process.ts'
import { buildDatabase } from '../support/databases.ts'
import { commandLines } from '../support/processes.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { type CliResult, runCli } from './run-cli.ts'

const SECRET = /chb_[0-9a-f]{16}_[A-Za-z0-9_-]{43}/
const LINK = /chl_[0-9a-f]{16}_[A-Za-z0-9_-]{43}/

interface Place {
  readonly directory: string
  readonly cli: (...args: readonly string[]) => Promise<CliResult>
  readonly json: (...args: readonly string[]) => Promise<Record<string, unknown>>
}

function openPlace(): Place {
  const directory = temporaryDirectory()
  buildDatabase(join(directory, 'shop.db'), 'CREATE TABLE a (b)')
  const cli: Place['cli'] = (...args) => runCli([...args, '--path', 'shop.db'], { cwd: directory, env: {} })
  const json: Place['json'] = async (...args) => JSON.parse((await cli(...args, '--json')).stdout)
  return { directory, cli, json }
}

async function createToken({ cli }: Place, ...more: readonly string[]): Promise<string> {
  const { stdout } = await cli('token', 'create', '--name', 'a', '--role', 'admin', '--quiet', ...more)
  return stdout.trim()
}

/** Status of a request with a token. */
async function statusFor(url: string, secret: string): Promise<number> {
  const answer = await fetch(`${url}/api/v1/databases`, { headers: { authorization: `Bearer ${secret}` } })
  await answer.body?.cancel()
  return answer.status
}

/** The part of a secret that only its owner knows, in each form in which it might stand somewhere. */
function formsOf(secret: string): string[] {
  const key = secret.slice(21)
  const bytes = Buffer.from(key, 'base64url')
  return [key, bytes.toString('hex'), bytes.toString('base64'), Buffer.from(key).toString('base64')]
}

function expectNowhere(secret: string, texts: readonly string[]): void {
  for (const form of formsOf(secret)) for (const text of texts) expect(text).not.toContain(form)
}

test('token create shows the secret once, and nothing keeps it', async () => {
  const place = openPlace()
  const made = await place.cli('token', 'create', '--name', 'ci\u001b[31m', '--role', 'operator')
  const secret = SECRET.exec(made.stdout)?.[0] ?? ''
  expect(made).toMatchObject({ exit: 0, stderr: '' })
  expect(made.stdout).toMatch(/^chb_\S+\n\n✔ Made: .*, operator, id [0-9a-f]{16}\. .* not shown again\.\n$/)
  // A name cannot paint the terminal.
  expect(made.stdout).not.toContain('\u001b[31m')
  expect(made.stdout.split(secret)).toHaveLength(2)

  const quiet = await place.cli('token', 'create', '--name', 'b', '--role', 'viewer', '--quiet')
  expect(quiet.stdout).toMatch(/^chb_\S+\n$/)
  const asJson = await place.json('token', 'create', '--name', 'c', '--role', 'viewer')
  expect(asJson).toMatchObject({ success: true, secret: expect.stringMatching(SECRET), token: { name: 'c' } })

  const shown = [await place.cli('token', 'list'), await place.cli('token', 'list', '--json')]
  const audit = await place.cli('audit', 'show', '--json')
  expect(JSON.parse(audit.stdout)).toMatchObject({
    entries: [{}, {}, { action: 'token-create', on: expect.anything() }],
  })
  const files = filesOf(place.directory)
  expect(
    files
      .map(file => statSync(file).mode & 0o077)
      .every((mode, i) => mode === 0 || !files[i]?.includes('backups')),
  ).toBe(true)
  const kept = files.map(file => readFileSync(file, 'latin1'))
  for (const each of [secret, quiet.stdout.trim(), String(asJson['secret'])])
    expectNowhere(each, [...shown.map(({ stdout }) => stdout), audit.stdout, ...kept])
})

test('token list says what each token is for, when it expires and when it was last used', async () => {
  const place = openPlace()
  expect((await place.cli('token', 'list')).stdout).toMatch(/There are no tokens/)
  const secret = await createToken(place, '--expires', '90d')
  const { url } = await serveProcess(place.directory, ['--path', 'shop.db'])
  const before = (await place.json('token', 'list'))['tokens'] as { expiresAt: string; createdAt: string }[]
  expect(before).toMatchObject([{ name: 'a', role: 'admin', lastUsedAt: null }])
  const lives = Date.parse(before[0]?.expiresAt ?? '') - Date.parse(before[0]?.createdAt ?? '')
  expect(lives).toBe(90 * 86_400_000)
  expect((await place.cli('token', 'list')).stdout).toMatch(/never/)
  expect(await statusFor(url, secret)).toBe(200)
  const lastUse = async (): Promise<unknown> =>
    ((await place.json('token', 'list'))['tokens'] as { lastUsedAt: string | null }[])[0]?.lastUsedAt
  expect(Date.parse(String(await lastUse()))).toBeGreaterThan(0)
  expect((await place.cli('token', 'list')).stdout).not.toMatch(/never/)
})

test.each([
  [['token', 'create']],
  [['token', 'create', '--name', 'a']],
  [['token', 'create', '--name', 'a', '--role', 'root']],
  [['token', 'create', '--name', 'a', '--role', 'viewer', '--expires', '2020-01-01T00:00:00Z']],
  [['token', 'create', 'x', '--name', 'a', '--role', 'viewer']],
  [['token', 'revoke', '0123456789abcdef']],
  [['token', 'show']],
])('%j is refused as a wrong call, and makes nothing', async args => {
  const place = openPlace()
  const result = await place.cli(...args)
  expect([result.exit, result.stdout]).toEqual([2, ''])
  expect(result.stderr).not.toMatch(/Not a way to call token(?!.*\n.*--name <text> --role <role>)/)
  expect(filesOf(place.directory).filter(file => file.endsWith('access.json'))).toEqual([])
})

test('a token that another process revokes, or that expires, is refused at once by a server that runs', async () => {
  const place = openPlace()
  const [secret, brief] = [await createToken(place), await createToken(place, '--expires', '1h')]
  const { url } = await serveProcess(place.directory, ['--path', 'shop.db'])
  expect([await statusFor(url, secret), await statusFor(url, brief)]).toEqual([200, 200])
  const id = secret.slice(4, 20)
  const revoked = await place.cli('token', 'revoke', id)
  expect(revoked).toEqual({ exit: 0, stdout: '✔ Revoked: a\n', stderr: '' })
  expect(await statusFor(url, secret)).toBe(401)
  expect((await place.cli('token', 'revoke', id)).exit).toBe(2)
  expect(((await place.json('token', 'list'))['tokens'] as object[]).length).toBe(1)
  // Nobody waits for the end of an hour: it is written nearer.
  const file = join(place.directory, 'backups', 'server', 'access.json')
  expire(file, 'tokens')
  expect(await statusFor(url, brief)).toBe(401)
})

/** As if the time had come. */
function expire(file: string, what: 'tokens' | 'links'): void {
  const access = JSON.parse(readFileSync(file, 'utf8')) as Record<typeof what, { expiresAt: string }[]>
  const past = access[what].map(each => ({ ...each, expiresAt: '2020-01-01T00:00:00.000Z' }))
  writeFileSync(file, JSON.stringify({ ...access, [what]: past }), { mode: 0o600 })
}

async function logIn(url: string, link: string): Promise<number> {
  const answer = await fetch(`${url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ link }),
  })
  await answer.body?.cancel()
  return answer.status
}

test('serve --login-link prints a link that logs in once, while it is fresh, and is in no log, file or command line', async () => {
  const place = openPlace()
  // With a token there is no link of the first start.
  const token = await createToken(place)
  const { url, output } = await serveProcess(place.directory, ['--path', 'shop.db', '--log-level', 'debug'])
  const { port } = new URL(url)
  const shown = await place.cli('serve', '--login-link', '--port', port)
  expect(shown).toMatchObject({ exit: 0, stderr: '' })
  expect(shown.stdout).toMatch(/^Log in once, within 15 minutes: http:\/\/127\.0\.0\.1:\d+\/#chl_\S+\n$/)
  const link = LINK.exec(shown.stdout)?.[0] ?? ''
  const kept = (): string[] => filesOf(place.directory).map(file => readFileSync(file, 'latin1'))
  expectNowhere(link, kept())
  expect([await logIn(url, link), await logIn(url, link)]).toEqual([200, 401])

  const asJson = await place.json('serve', '--login-link')
  expect(asJson).toMatchObject({ secret: expect.stringMatching(LINK), expiresAt: expect.any(String) })
  expire(join(place.directory, 'backups', 'server', 'access.json'), 'links')
  expect(await logIn(url, String(asJson['secret']))).toBe(401)
  const audit = await place.cli('audit', 'show', '--json')
  expect(audit.stdout).toContain('"log-in"')
  expect(output()).toContain('"logged-in"')
  for (const secret of [link, String(asJson['secret']), token])
    expectNowhere(secret, [...kept(), output(), audit.stdout, ...commandLines()])
})

test.each([
  [['--host', '0.0.0.0'], 'http://localhost:8080/#'],
  [['--host', '::', '--port', '1'], 'http://localhost:1/#'],
  [['--host', '::1', '--tls-cert', 'c', '--tls-key', 'k'], 'https://[::1]:8080/#'],
  [['--host', 'backup.example'], 'http://backup.example:8080/#'],
  [['--socket', '/run/a.sock'], '<the address of the proxy>/#'],
])('the log-in link of serve %j leads where a browser finds the console', async (args, expected) => {
  const { stdout } = await openPlace().cli('serve', '--login-link', ...args)
  expect(stdout).toContain(`: ${expected}chl_`)
})

test('a log-in link is noted as made by the command line', async () => {
  const { cli, json } = openPlace()
  await cli('serve', '--login-link')
  expect((await json('audit', 'show'))['entries']).toMatchObject([
    { action: 'log-in-link-create', actor: { door: 'cli' } },
  ])
})

test('a server that nobody could log in to, as its link cannot be stored, ends and says why', async () => {
  const { cli, directory } = openPlace()
  mkdirSync(join(directory, 'backups'))
  writeFileSync(join(directory, 'backups', 'server'), 'in the way')
  const { exit, stderr } = await cli('serve', '--port', '0')
  expect(exit).not.toBe(0)
  expect(stderr).toMatch(/Error: /)
})
