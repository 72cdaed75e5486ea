/** What checks of samples have looked at already. A cache: without it a round of samples begins anew. */
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory, writeNewFile } from '../storage/durable.ts'
import { during, unlessMissing } from '../storage/io-errors.ts'
import { blocksDirectory } from '../catalog/layout.ts'
import { Staging } from '../catalog/staging.ts'
import { cacheDirectory } from './fingerprints.ts'
import type { PackIndex } from './pack-index.ts'
import type { BlockStore } from './store.ts'

/** What is looked at together, in pages' bytes. */
const PART_BYTES = 4 << 20
const CACHE_DURABILITY = { isDurable: false }

/** The parts of packs that were looked at since the present round began, by the pack's id and the part's number. */
export class VerifyState {
  readonly #seen: Map<string, Set<number>>

  private constructor(seen: Map<string, Set<number>>) {
    this.#seen = seen
  }

  static async read(store: Pick<BlockStore, 'backupDir'>): Promise<VerifyState> {
    const path = statePath(store)
    const text = await unlessMissing(path, () => readFile(path, 'utf8')).catch(() => null)
    return new VerifyState(parse(text))
  }

  hasSeen(id: string, part: number): boolean {
    return this.#seen.get(id)?.has(part) === true
  }

  see(id: string, part: number): void {
    const seen = this.#seen.get(id) ?? new Set()
    this.#seen.set(id, seen.add(part))
  }

  /** Begins the next round. */
  clear(): void {
    this.#seen.clear()
  }

  async write(store: BlockStore): Promise<void> {
    const path = statePath(store)
    await makeDirectory(cacheDirectory(store), store.directoryMode, CACHE_DURABILITY)
    const seen = Object.fromEntries([...this.#seen].map(([id, parts]) => [id, [...parts]]))
    const text = `${JSON.stringify({ schema: 1, seen })}\n`
    // Without the catalog's lock somebody else may take this for a leftover: then it is not written, this time.
    await using staging = await Staging.open(store.backupDir, blocksDirectory(store.backupDir))
    const staged = staging.file('verified.json')
    await writeNewFile(staged, text, store.fileMode, CACHE_DURABILITY)
    await during('rename', path, () => rename(staged, path))
  }
}

/** So many groups of a pack are looked at together. */
export function partGroups({ pageSize, groupPages }: Pick<PackIndex, 'pageSize' | 'groupPages'>): number {
  return Math.max(1, Math.ceil(PART_BYTES / (pageSize * groupPages)))
}

function statePath(store: Pick<BlockStore, 'backupDir'>): string {
  return join(cacheDirectory(store), 'verified.json')
}

/** Nothing was seen, where the text makes no sense. */
function parse(text: string | null): Map<string, Set<number>> {
  try {
    const { seen } = JSON.parse(text ?? '') as { readonly seen: Record<string, number[]> }
    return new Map(Object.entries(seen).map(([id, parts]) => [id, new Set(parts)]))
  } catch {
    return new Map()
  }
}
