/** Builds the package: compiles src/ to dist/, which is replaced as a whole once that has worked. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))

process.chdir(root)
// Inside node_modules: ignored by git, by the linters and by the package.
const made = `node_modules/.cache/dist-${process.pid}`
const old = `${made}-old`
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', made], { stdio: 'inherit' })
// What the server serves as it is.
cpSync('src/server/reference', `${made}/server/reference`, { recursive: true })
for (const door of ['cli', 'scheduler']) chmodSync(`${made}/${door}/main.js`, 0o755)
if (existsSync('dist')) renameSync('dist', old)
renameSync(made, 'dist')
rmSync(old, { recursive: true, force: true })
