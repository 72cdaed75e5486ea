/** Writes what a test file has run: Vitest ends its workers with a signal, before Node would do it by itself. */
import { takeCoverage } from 'node:v8'
import { afterAll } from 'vitest'

afterAll(() => takeCoverage())
