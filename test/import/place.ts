import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { DataImported, ErrorCode, Failure, ImportDataRequest, RunOptions } from '../../src/index.ts'
import { failedWith, protect, succeeded } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

/** Somewhere to import from and to. Only the new database is ever made in `out`. */
export class Place {
  readonly directory: string = temporaryDirectory()
  readonly source: string = join(this.directory, 'source.db')
  readonly target: string = join(this.directory, 'out', 'new.db')

  file(name: string, content: string | Buffer): string {
    const path = join(this.directory, name)
    writeFileSync(path, content)
    return path
  }

  import(
    from: string,
    request: Partial<ImportDataRequest> & RunOptions = {},
  ): Promise<DataImported | Failure> {
    return protect(this.source, { engine: 'here' }).importData({ from, to: this.target, ...request })
  }

  async imported(from: string, request: Partial<ImportDataRequest> = {}): Promise<DataImported> {
    const result = succeeded(await this.import(from, request))
    expect(filesBelow(join(this.directory, 'out'))).toEqual(['new.db'])
    return result
  }

  /** The failure, after which nothing is left; returns what it says. */
  async refused(code: ErrorCode, from: string, request: Partial<ImportDataRequest> = {}): Promise<string> {
    const failure = failedWith(code, await this.import(from, request))
    expect(failure.hint).toBeTruthy()
    expect(filesBelow(join(this.directory, 'out'))).toEqual([])
    return failure.message
  }
}
