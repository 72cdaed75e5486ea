/**
 * Breaks the product on purpose, to see whether the crash matrix notices: loaded before it (--import), it
 * changes the text of one of its modules. No trace of this is in the product.
 *
 * Usage: node --import mutate.ts operation.ts <order> <name of a mutant>
 */
import { registerHooks } from 'node:module'

interface Change {
  /** The module below src/ or dist/, without its extension. */
  readonly module: string
  /** Found exactly once in its text, be it TypeScript or what the compiler makes of it. */
  readonly text: RegExp
  readonly becomes: string
}

export type MutantName =
  | 'no fsync'
  | 'no directory fsync'
  | 'metadata before data'
  | 'side files kept'
  | 'no fsync of packs'
  | 'no fsync of names of packs'
  | 'no fsync at the target'
  | 'no fsync of names at the target'

const MUTANTS: Readonly<Record<MutantName, readonly Change[]>> = {
  /** Neither the image nor the metadata is flushed. */
  'no fsync': [
    { module: 'storage/durable', text: /during\('flush', path, async \(\) => \{/, becomes: '$&\nreturn' },
    { module: 'storage/durable', text: /if \(isDurable\)\s+await file\.sync\(\)/, becomes: '' },
  ],
  /** Names that were made or removed are not. */
  'no directory fsync': [
    {
      module: 'storage/durable',
      text: /during\('flush the directory', path, async \(\) => \{/,
      becomes: '$&\nreturn',
    },
    // Flushing any file has a file system with a journal write all names; so the line of the audit log is not flushed either.
    { module: 'audit/log-file', text: /await file\.sync\(\);?/, becomes: '' },
  ],
  /** The metadata, which says that there is a backup, comes before its image. */
  'metadata before data': [
    {
      module: 'operations/store-backup',
      text: /(await during\('rename', path, \(\) => changeName\(staged\.file, path\)\);?)([\s\S]*?)(await writeMetadata\(filename, metadata, context, \(\) =>\s+syncDirectory\(dirname\(path\), durabilityOf\(context\)\),?\s*\);?)/,
      becomes: '$2$3\n$1',
    },
  ],
  /** What lies beside a missing or unreadable file stays there, and is taken for the new file's. */
  'side files kept': [
    {
      module: 'operations/replace-target',
      text: /for \(const file of target\.sideFiles\.keys\(\)\)\s+await remove\w+\(file\)/,
      becomes: '',
    },
  ],
  /** The pages of a restore point are not flushed before it. */
  'no fsync of packs': [
    { module: 'blocks/store', text: /await syncFile\(file, durability\);?/, becomes: '' },
  ],
  'no fsync of names of packs': [
    { module: 'blocks/store', text: /await syncDirectory\(directory, store\.durability\);?/, becomes: ';' },
  ],
  /** Nor is what is copied. */
  'no fsync at the target': [
    { module: 'storage/targets/local', text: /await handle\.sync\(\);?/, becomes: '' },
  ],
  'no fsync of names at the target': [
    { module: 'storage/targets/local', text: /await syncDirectory\(directory, DURABLE\);?/, becomes: '' },
  ],
}

/** The changes of a mutant to the text of a module; throws when a text to change is not there exactly once. */
function mutate(name: MutantName, url: string, source: string): string {
  let mutated = source
  for (const { module, text, becomes } of MUTANTS[name]) {
    if (!new RegExp(`/(src|dist)/${module}\\.[jt]s$`).test(url)) continue
    const found = mutated.match(new RegExp(text, 'g'))?.length ?? 0
    if (found !== 1) throw new Error(`"${name}" finds its text ${found} times in ${url}`)
    mutated = mutated.replace(text, becomes)
  }
  return mutated
}

const name = process.argv[3]
if (name !== undefined && name in MUTANTS) {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (loaded.source === undefined || loaded.source === null || !url.startsWith('file:')) return loaded
      const source =
        typeof loaded.source === 'string'
          ? loaded.source
          : Buffer.from(loaded.source as Uint8Array).toString()
      return { ...loaded, source: mutate(name as MutantName, url, source) }
    },
  })
}
