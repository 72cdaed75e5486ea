import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test } from 'vitest'
import { fromBufferPromise } from 'yauzl'
import { ZipOutput } from '../../src/storage/zip.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const MTIME = new Date('2025-06-27T14:30:22Z')
const CONTENT = Buffer.from('1,"a line of a table"\r\n'.repeat(50_000))
const FILES: Record<string, Buffer> = {
  'schema.json': Buffer.from('{}\n'),
  'Tisch ü/表.csv': CONTENT,
  'empty.csv': Buffer.alloc(0),
}

/** Takes everything, and keeps it. */
class Memory extends Writable {
  readonly chunks: Buffer[] = []
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk)
    setImmediate(done)
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

async function addAll(zip: ZipOutput, files: Record<string, Buffer> = FILES): Promise<void> {
  for (const [name, content] of Object.entries(files))
    await pipeline(Readable.from([content]), zip.addFile(name))
  await zip.end()
}

async function archive(level?: number): Promise<Buffer> {
  const memory = new Memory()
  await addAll(new ZipOutput(memory, { mtime: MTIME, ...(level === undefined ? {} : { level }) }))
  return memory.bytes
}

describe('a ZIP archive', () => {
  test.each([undefined, 0, 9])('holds the files in their order, at level %s', async level => {
    const zip = await fromBufferPromise(await archive(level), { lazyEntries: true })
    const names: string[] = []
    for await (const entry of zip.eachEntry()) {
      names.push(entry.fileName)
      expect(await buffer(await zip.openReadStreamPromise(entry))).toEqual(FILES[entry.fileName])
      expect(entry.externalFileAttributes >>> 16).toBe(0o100600)
      expect(entry.getLastModDate()).toEqual(MTIME)
    }
    expect(names).toEqual(Object.keys(FILES))
  })

  test('is the same for the same files and time', async () => {
    expect((await archive()).equals(await archive())).toBe(true)
    expect((await archive()).length).toBeLessThan((await archive(0)).length / 20)
  })

  test('may hold nothing', async () => {
    const memory = new Memory()
    await new ZipOutput(memory, { mtime: MTIME }).end()
    expect((await fromBufferPromise(memory.bytes)).entryCount).toBe(0)
  })

  testWith(['unzip', 'python3'], 'is read by unzip and by Python', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'export.zip')
    await addAll(new ZipOutput(createWriteStream(path), { mtime: MTIME }))
    run('unzip', ['-tq', path])
    run('python3', [
      '-c',
      'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])',
      path,
      directory,
    ])
    for (const [name, content] of Object.entries(FILES))
      expect(readFileSync(join(directory, name)).equals(content)).toBe(true)
  })
})

describe('a ZIP archive that cannot be written', () => {
  /** Fails at the first write after `bytes`, as a full disk does. */
  function full(bytes: number): Writable {
    let taken = 0
    return new Writable({
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length
        done(taken > bytes ? Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' }) : null)
      },
    })
  }

  test.each([0, 100, 200_000])(
    'says so to who adds a file and to who ends it, after %i bytes',
    async bytes => {
      const zip = new ZipOutput(full(bytes), { mtime: MTIME, level: 0 })
      const rows = Readable.from(
        (function* () {
          for (let i = 0; i < 1_000; i++) yield CONTENT
        })(),
      )
      await expect(pipeline(rows, zip.addFile('a.csv'))).rejects.toMatchObject({ code: 'ENOSPC' })
      const next = zip.addFile('b.csv')
      await expect(pipeline(Readable.from([CONTENT]), next)).rejects.toThrow()
      await expect(zip.end()).rejects.toMatchObject({ code: 'ENOSPC' })
    },
  )

  test('says so at its end when the last bytes do not fit', async () => {
    const whole = await archive(0)
    await expect(
      addAll(new ZipOutput(full(whole.length - 1), { mtime: MTIME, level: 0 })),
    ).rejects.toMatchObject({
      code: 'ENOSPC',
    })
  })

  test('fails when a file fails in the middle', async () => {
    const zip = new ZipOutput(new Memory(), { mtime: MTIME })
    const failing = Readable.from(
      (function* () {
        yield CONTENT
        throw new Error('the table is damaged')
      })(),
    )
    await expect(pipeline(failing, zip.addFile('a.csv'))).rejects.toThrow('the table is damaged')
    await expect(zip.end()).rejects.toThrow('the table is damaged')
  })

  test('fails when a file is not ended, and refuses the next one meanwhile', async () => {
    const zip = new ZipOutput(new Memory(), { mtime: MTIME })
    zip.addFile('a.csv').write('x')
    expect(() => zip.addFile('b.csv')).toThrow('has not been ended')
    await expect(zip.end()).rejects.toThrow('has not been ended')
  })
})
