/**
 * SQLite's source package, for its corpus: unpacked in `FAULT_CORPUS`, in a cache from an earlier run, or
 * downloaded with apt into that cache, with lists and sources of its own, so that the system's stay as they are.
 * `npm run faults` and .ci/run download it; nothing else that runs tests does, or waits for a network.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { missing, run } from '../support/requirements.ts'
import { CORPUS_FILES } from './images.ts'

const SOURCES =
  'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n'

export type Corpus = { readonly directory: string } | { readonly missing: string }

const CACHE = join(tmpdir(), `chame-corpus-${userInfo().uid}`)

/** The directory that holds the corpus's files, without asking for them elsewhere; or why it cannot be had. */
export function heldCorpus(): Corpus {
  const given = process.env['FAULT_CORPUS']
  if (given !== undefined) {
    return holdsCorpus(given)
      ? { directory: given }
      : { missing: `FAULT_CORPUS has no ${CORPUS_FILES.join(', ')}: ${given}` }
  }
  return holdsCorpus(CACHE)
    ? { directory: CACHE }
    : { missing: "SQLite's source package is not here: node test/malformed/fetch-corpus.ts downloads it" }
}

/** The same, downloaded where it is not there yet. */
export function findCorpus(): Corpus {
  const held = heldCorpus()
  if ('directory' in held || process.env['FAULT_CORPUS'] !== undefined) return held
  const lacking = missing('linux', 'apt-get', 'tar', 'xz')
  if (lacking.length > 0) return { missing: `no ${lacking.join(', ')}` }
  try {
    download(CACHE)
    return { directory: CACHE }
  } catch (error) {
    return { missing: `SQLite's source package could not be downloaded: ${(error as Error).message}` }
  }
}

function holdsCorpus(directory: string): boolean {
  return CORPUS_FILES.every(name => existsSync(join(directory, `${name}.db`)))
}

function download(cache: string): void {
  const work = `${cache}-${process.pid}`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'lists', 'partial'), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(join(work, 'sources.list'), SOURCES)
    const options = [
      `Dir::Etc::sourcelist=${work}/sources.list`,
      'Dir::Etc::sourceparts=-',
      `Dir::State::lists=${work}/lists`,
      `Dir::Cache=${work}`,
      'APT::Sandbox::User=root',
    ].flatMap(option => ['-o', option])
    run('apt-get', ['-qq', ...options, 'update'])
    run('sh', [
      '-c',
      'cd "$0" && exec apt-get "$@"',
      work,
      '-qq',
      ...options,
      'source',
      '--download-only',
      'sqlite3',
    ])
    const archive = readdirSync(work).find(name => /^sqlite3_.*\.orig\.tar\.xz$/.test(name)) ?? ''
    const files = CORPUS_FILES.map(name => `*/test/${name}.db`)
    run('tar', ['-xJf', join(work, archive), '-C', work, '--wildcards', '--strip-components=2', ...files])
    mkdirSync(cache, { recursive: true, mode: 0o700 })
    for (const name of CORPUS_FILES) renameSync(join(work, `${name}.db`), join(cache, `${name}.db`))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
