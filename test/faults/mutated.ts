/** The program of an operation, and what breaks the product that it runs. */
import { fileURLToPath } from 'node:url'
import { OPERATION } from '../crash/run-operation.ts'
import type { MutantName } from './mutate.ts'

const MUTATE = fileURLToPath(new URL('./mutate.ts', import.meta.url))

/** What Node is told to run an operation, in a product with a mistake where one is named. */
export function argumentsFor(order: string, mutant?: MutantName): readonly string[] {
  return mutant === undefined ? [OPERATION, order] : ['--import', MUTATE, OPERATION, order, mutant]
}
