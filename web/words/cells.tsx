import type { ReactElement } from 'react'
import type { Cell } from '../api/types.ts'
import { formatBytes } from './numbers.ts'

/** A value of a database as text; null for NULL and for what is no text. */
function cellText(cell: Cell): string | null {
  if (cell === null) return null
  if (typeof cell !== 'object') return String(cell)
  if ('$integer' in cell) return cell.$integer
  if ('$real' in cell) return cell.$real
  if ('$text' in cell && cell.base64 !== true) return cell.$text
  return null
}

/** A value of a database as it is shown: text as text, whatever it says; all else as what it is. */
export function CellValue({ cell }: { readonly cell: Cell }): ReactElement {
  const text = cellText(cell)
  if (text !== null) {
    const isCut = typeof cell === 'object' && cell !== null && '$text' in cell
    return (
      <>
        {text === '' ? <Aside>empty text</Aside> : text}
        {isCut && <Aside> … {formatBytes(cell.bytes)}</Aside>}
      </>
    )
  }
  if (cell === null || typeof cell !== 'object') return <Aside>NULL</Aside>
  if ('$masked' in cell) return <Aside>masked</Aside>
  if ('$blob' in cell) return <Aside>BLOB, {formatBytes(cell.bytes)}</Aside>
  return <Aside>{'bytes' in cell ? `not text, ${formatBytes(cell.bytes)}` : 'unknown value'}</Aside>
}

function Aside({ children }: { readonly children: React.ReactNode }): ReactElement {
  return <span className="text-xs text-muted italic">{children}</span>
}
