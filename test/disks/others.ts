/** What a disk or the memory can be wanting for beside backups and restores, each on a database of commit NOW. */
import type { Database, Failure, Progress, Step } from '../../src/index.ts'
import { BACKED_UP, NOW, rebuild, type Scene } from '../restore/scene.ts'
import { succeeded } from '../support/product.ts'

type Answer = { readonly success: true } | Failure
type OnProgress = (progress: Progress) => void

export interface Other {
  readonly name: string
  /** Where it writes. */
  readonly disk: 'backups' | 'elsewhere'
  /** A step in which its processes hold some of the data; null for one that only reads metadata. */
  readonly step: Step | null
  /** Whether it can do without writing. */
  readonly isReading?: boolean
  /** Whether backups go, or give way to others, when it is done. */
  readonly isRemoving?: boolean
  readonly run: (product: Database, scene: Scene, onProgress?: OnProgress) => Promise<Answer>
}

const optional = (onProgress?: OnProgress): { readonly onProgress?: OnProgress } =>
  onProgress === undefined ? {} : { onProgress }

export const OTHERS: readonly Other[] = [
  {
    name: 'create by pages',
    disk: 'backups',
    step: 'copy-image',
    run: (product, _, on) => product.createBackup({ encoding: 'blocks', ...optional(on) }),
  },
  {
    name: 'verify',
    disk: 'backups',
    step: 'verify-backup',
    isReading: true,
    run: (product, _, on) => product.verifyBackup('latest', { check: 'full', ...optional(on) }),
  },
  {
    name: 'export',
    disk: 'elsewhere',
    step: 'write-rows',
    run: (product, { path }, on) =>
      product.exportData({ format: 'csv', zip: true, output: path('elsewhere', 'new.zip'), ...optional(on) }),
  },
  {
    name: 'import',
    disk: 'elsewhere',
    step: 'import-rows',
    run: (product, { path }, on) =>
      product.importData({ from: path('export.sql'), to: path('elsewhere', 'new.db'), ...optional(on) }),
  },
  {
    name: 'cleanup',
    disk: 'backups',
    step: null,
    isRemoving: true,
    run: (product, _, on) =>
      product.cleanupOldBackups({ policy: { manual: { keepLast: 1 } }, ...optional(on) }),
  },
  {
    name: 'convert',
    disk: 'backups',
    step: 'encode-image',
    isRemoving: true,
    run: (product, _, on) => product.convertBackups({ encoding: 'zstd', ...optional(on) }),
  },
]

/** Brings a scene to where each of them has something to do: two backups, and an export. */
export async function prepareOthers(scene: Scene): Promise<void> {
  rebuild(scene.databasePath, { commits: BACKED_UP })
  succeeded(await scene.product().createBackup())
  rebuild(scene.databasePath, { commits: NOW })
  await backUpAndExport(scene)
}

/** Makes what they work on of the database as it is. */
export async function backUpAndExport(scene: Scene): Promise<void> {
  succeeded(await scene.product().createBackup())
  const output = scene.path('export.sql')
  succeeded(await scene.product().exportData({ format: 'sql', output }))
}
