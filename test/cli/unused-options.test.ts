/** Options that would have no effect as they stand: nobody who gives one is left to believe that it had. */
import { expect, test } from 'vitest'
import { ParseEnded } from '../../src/cli/define-command.ts'
import { buildProgram } from '../../src/cli/program.ts'

/** What ends the parse; null if the command would run. Nothing is run. */
async function refusalOf(line: string): Promise<string | null> {
  const program = buildProgram()
  for (const command of program.commands) command.action(() => {})
  try {
    await program.parseAsync(line.split(' '), { from: 'user' })
    return null
  } catch (error) {
    if (error instanceof ParseEnded) return error.message
    throw error
  }
}

test.each([
  ['cleanup --ahead', '--ahead', '--simulate'],
  ['compare --offset 5', '--offset', "argument 'table'"],
  ['export --force', '--force', '--output'],
  ['export --identity key.txt', '--identity', '--from'],
  ['export --target s3', '--target', '--from'],
  ['inspect --search smith', '--search', "argument 'table'"],
  ['inspect latest --descending', '--descending', "argument 'table'"],
  ['metrics --mode 0600', '--mode', '--output'],
  ['scheduler --beside', '--beside', '--run-once'],
  ['serve --allow-remote', '--allow-remote', '--host'],
  ['settings --if-version 1', '--if-version', '--set-retention'],
  ['settings --if-version 1', '--if-version', '--set-schedule'],
  ['verify --within 30d', '--within', '--copies'],
])('`%s` is refused: %s needs %s', async (line, option, needed) => {
  const refusal = await refusalOf(line)
  expect(refusal).toContain(`option '${option}`)
  expect(refusal).toMatch(new RegExp(`needs .*${needed}`))
})

test.each([
  ['audit show --targets', '--targets', 'audit verify'],
  ['audit show --target s3', '--target', 'audit verify'],
  ['audit verify --limit 5', '--limit', 'audit show'],
  ['keys generate --target s3', '--target', 'keys check'],
  ['target list s3', 'name', 'target check'],
  ['token list --role admin', '--role', 'token create'],
  ['token list 0123456789abcdef', 'id', 'token revoke'],
  ['token revoke 0123456789abcdef --expires 90d', '--expires', 'token create'],
])('`%s` is refused: %s goes with %s', async (line, word, action) => {
  const refusal = await refusalOf(line)
  expect(refusal).toContain(`${line.split(' ', 2).join(' ')} does not take ${word}`)
  expect(refusal).toContain(action)
})

test.each([
  ['audit verify --targets --target s3', '--targets', '--target'],
  ['cleanup --simulate 1y --confirm', '--simulate', '--confirm'],
  ['cleanup --simulate 1y --max-deletions 5', '--simulate', '--max-deletions'],
  ['cleanup --simulate 1y --target s3', '--simulate', '--target'],
  ['export --scan --tables users', '--scan', '--tables'],
  ['export --scan --output scan.txt', '--scan', '--output'],
  ['serve --login-link --allowed-host backup.example', '--login-link', '--allowed-host'],
  ['serve --socket a.sock --port 80', '--socket', '--port'],
])('`%s` is refused: %s leaves no place for %s', async (line, option, other) => {
  const refusal = await refusalOf(line)
  expect(refusal).toMatch(/ cannot be used with /)
  expect(refusal).toContain(`option '${option}`)
  expect(refusal).toContain(`option '${other}`)
})

test.each([
  'audit show --limit 5 --before 100',
  'audit verify --target s3 --target backblaze',
  'cleanup --simulate 1y --ahead --type manual --keep-last 3',
  'compare latest users --limit 5',
  'export --from latest --identity key.txt --target s3',
  'export --output data.json --force',
  'export --scan --from latest --identity key.txt --target s3',
  'inspect latest users --search smith --descending',
  'keys sheet --identity key.txt --output sheet.txt',
  'metrics --output x.prom --mode 0600',
  'scheduler --run-once daily --beside',
  'serve --host 0.0.0.0 --allow-remote',
  'serve --login-link --host 0.0.0.0 --port 80 --tls-cert cert.pem --tls-key key.pem',
  'serve --socket a.sock --allowed-host backup.example',
  'settings --set-schedule {} --if-version 1',
  'target check s3',
  'token create --name a --role admin --expires 90d',
  'token revoke 0123456789abcdef',
  'verify --copies --within 30d',
])('`%s` is taken', async line => {
  expect(await refusalOf(line)).toBeNull()
})
