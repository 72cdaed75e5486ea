/** A file that is to be added as a backup: what it is, by its first bytes, and its image. */
import { constants, open, stat } from 'node:fs/promises'
import { type Bytes, cancellable } from '../encoding/bytes.ts'
import { decompress } from '../encoding/zstd.ts'
import { Undecodable } from '../encoding/undecodable.ts'
import { BackupError } from '../errors.ts'
import { copyWhole } from '../snapshot/copy-file.ts'
import { requireSpace } from '../storage/durable.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import { readUpTo } from '../storage/read-up-to.ts'
import { writeBytes } from '../storage/write-bytes.ts'
import type { Context } from './context.ts'
import { readStored } from './read-stored.ts'

/** A plain database, or one that was compressed with zstd, as our `.db.zst` files are. */
export type AddedForm = 'plain' | 'zstd'

const MAGICS: Readonly<Record<AddedForm, Buffer>> = {
  plain: Buffer.from('SQLite format 3\0', 'latin1'),
  // RFC 8878, 3.1.1
  zstd: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
}
/** So many first bytes tell what a file is. */
const HEAD_BYTES = Math.max(...Object.values(MAGICS).map(magic => magic.length))
/** How often the free space is looked at again. */
const SPACE_STEP_BYTES = 64 << 20
/** What others on the disk are left. */
const SPACE_RESERVE_BYTES = 64 << 20

/** What a file is. Throws `BACKUP_NOT_FOUND`, or `BACKUP_UNSUPPORTED` for what can not be added. */
export async function recogniseFile(
  from: string,
): Promise<{ readonly form: AddedForm; readonly sizeBytes: number }> {
  return during('read', from, async () => {
    try {
      const stats = await stat(from)
      const form = stats.isFile() ? formOf(await headOf(from)) : null
      if (form === null) throw notToBeAdded(from)
      return { form, sizeBytes: stats.size }
    } catch (error) {
      if (!isNotThere(error)) throw error
      throw new BackupError('BACKUP_NOT_FOUND', `There is no such file: ${from}`, {
        hint: 'Give the path of a database file, such as a backup that was downloaded.',
        path: from,
      })
    }
  })
}

/** Passes a stream on. Throws `BACKUP_UNSUPPORTED` at its first bytes unless they are those of a file that can be added. */
export async function* recognised(bytes: Bytes): Bytes {
  let head = Buffer.alloc(0)
  for await (const piece of bytes) {
    if (head.length < HEAD_BYTES) {
      head = Buffer.concat([head, piece.subarray(0, HEAD_BYTES - head.length)])
      if (!Object.values(MAGICS).some(magic => startsLike(head, magic))) throw notToBeAdded(null)
    }
    yield piece
  }
  if (formOf(head) === null) throw notToBeAdded(null)
}

/** Passes a stream of unknown length on, as long as others on the disk have room beside it. Throws `INSUFFICIENT_SPACE`. */
export async function* withRoom(bytes: Bytes, directory: string, what: string): Bytes {
  let size = 0
  let checkedUpTo = 0
  for await (const piece of bytes) {
    if (size >= checkedUpTo) {
      await requireSpace(directory, SPACE_STEP_BYTES + SPACE_RESERVE_BYTES, what)
      checkedUpTo = size + SPACE_STEP_BYTES
    }
    yield piece
    size += piece.length
  }
}

/** Writes the image of a file into a new one. Throws `BACKUP_DAMAGED` for what does not decompress to a database. */
export async function writeImageOf(
  from: string,
  { form, file }: { readonly form: AddedForm; readonly file: string },
  context: Context,
): Promise<void> {
  const { settings, signal } = context
  if (form === 'plain') return copyWhole(from, file, signal)
  const image = decompress(readStored({ path: from }, context))
  try {
    await writeBytes(file, cancellable(withRoom(image, settings.backupDir, 'what is added'), signal))
  } catch (error) {
    if (error instanceof Undecodable) throw damaged(from, error.message)
    throw error
  }
  if (formOf(await headOf(file)) !== 'plain') throw damaged(from, 'what is compressed in it is no database')
}

async function headOf(path: string): Promise<Buffer> {
  return during('read', path, async () => {
    await using handle = await open(path, constants.O_RDONLY)
    return await readUpTo(handle, HEAD_BYTES, 0)
  })
}

function formOf(head: Buffer): AddedForm | null {
  const found = Object.entries(MAGICS).find(
    ([, magic]) => head.length >= magic.length && startsLike(head, magic),
  )
  return (found?.[0] as AddedForm | undefined) ?? null
}

/** As far as both go. */
function startsLike(head: Buffer, magic: Buffer): boolean {
  const length = Math.min(head.length, magic.length)
  return head.subarray(0, length).equals(magic.subarray(0, length))
}

export function damaged(from: string, why: string): BackupError {
  return new BackupError('BACKUP_DAMAGED', `The file is damaged: ${why}: ${from}`, {
    hint: 'Nothing was added. Fetch it again from where it came from.',
    path: from,
  })
}

/** @param from null: what somebody sends */
function notToBeAdded(from: string | null): BackupError {
  const message =
    'Only a database can be added, as it is or compressed with zstd, and this is neither' +
    (from === null ? '' : `: ${from}`)
  return new BackupError('BACKUP_UNSUPPORTED', message, {
    hint: 'Decrypt it first, or restore it to a file; docs/formats.md says how.',
    ...(from === null ? {} : { path: from }),
  })
}
