/** The run that follows a crash, which succeeds as if nothing had been. */
import { existsSync, rmSync } from 'node:fs'
import type { Database } from '../../src/index.ts'
import type { Operation, Order } from '../crash/operation.ts'
import { NOW, restored, type Scene, succeeded } from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import type { Scenario } from './matrix-scenarios.ts'
import { runDaily } from './matrix-stored-scenarios.ts'
import { TARGET } from './oracle-target.ts'

/** @returns the operation that came last, for the oracle to look at; throws when any fails */
export async function runNext({ operation, order }: Scenario, scene: Scene): Promise<Operation> {
  const told = order?.(scene) ?? {}
  const product = scene.product(told.config === undefined ? {} : { config: told.config })
  await NEXT[operation](product, told, scene)
  if (!existsSync(scene.path(TARGET))) return operation === 'create' ? 'restore' : operation
  // What was made before the crash and not copied, the next sync copies; what else is left, the next cleanup removes.
  if (operation !== 'sync') await NEXT.sync(product, told, scene)
  await NEXT.cleanup(product, told, scene)
  return 'cleanup'
}

type Next = (product: Database, order: Partial<Order>, scene: Scene) => Promise<unknown>

const NEXT: Readonly<Record<Operation, Next>> = {
  async create(product, { encoding, identity }, scene) {
    succeeded(await product.createBackup(encoding === undefined ? {} : { encoding }))
    // What is newest restores.
    const to = scene.path('elsewhere.db')
    restored(await product.restoreBackup('latest', { to, ...(identity === undefined ? {} : { identity }) }))
    const { commits } = assertIntact(to)
    if (commits !== NOW) throw new Error(`the newest backup restores to commit ${commits}`)
  },
  restore: async product => restored(await product.restoreBackup('latest', { confirm: true })),
  async verify(product) {
    const { status } = succeeded(await product.verifyBackup('latest'))
    if (status !== 'intact') throw new Error('it finds damage')
  },
  export: async (product, { format = 'json', to = '' }) =>
    succeeded(await product.exportData({ format, output: to, force: true, includeSensitive: true })),
  async import(product, { from = '', to = '' }, scene) {
    // One that was killed after the rename has left its database, which is never overwritten: the next goes beside it.
    const beside = scene.path('out', 'again.db')
    succeeded(await product.importData({ from, to: existsSync(to) ? beside : to }))
    rmSync(beside, { force: true })
  },
  add: async (product, { from = '' }) => succeeded(await product.addBackup(from)),
  cleanup: async (product, { policy }) =>
    succeeded(await product.cleanupOldBackups(policy === undefined ? {} : { policy })),
  async convert(product, { encoding }) {
    const { failed } = succeeded(await product.convertBackups(encoding === undefined ? {} : { encoding }))
    if (failed.length > 0) throw new Error(`it fails for ${JSON.stringify(failed)}`)
  },
  async drill(product) {
    const { status, checks } = succeeded(await product.drillBackup())
    if (status !== 'passed') throw new Error(`it fails: ${JSON.stringify(checks)}`)
  },
  async sync(product) {
    const { status, targets } = succeeded(await product.syncTargets())
    if (status !== 'synced') throw new Error(`it copies not everything: ${JSON.stringify(targets)}`)
  },
  schedule: (_, { config = '' }, scene) => runDaily(scene, config),
}
