/**
 * Builds the package: compiles src/ to dist/, and the console in web/ to dist/web. dist/ is replaced as a whole once
 * both have worked.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
const vite = fileURLToPath(new URL('../node_modules/vite/bin/vite.js', import.meta.url))

process.chdir(root)
// Inside node_modules: ignored by git, by the linters and by the package.
const made = `node_modules/.cache/dist-${process.pid}`
const old = `${made}-old`
run(tsc, '-p', 'tsconfig.build.json', '--outDir', made)
// What the server serves as it is.
cpSync('src/server/reference', `${made}/server/reference`, { recursive: true })
run(
  vite,
  'build',
  'web',
  '--config',
  'web/vite.config.ts',
  '--outDir',
  `../${made}/web`,
  '--logLevel',
  'warn',
)
for (const door of ['cli', 'scheduler']) chmodSync(`${made}/${door}/main.js`, 0o755)
if (existsSync('dist')) renameSync('dist', old)
renameSync(made, 'dist')
rmSync(old, { recursive: true, force: true })

function run(...args: readonly string[]): void {
  execFileSync(process.execPath, args, { stdio: 'inherit' })
}
