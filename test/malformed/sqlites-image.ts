import type { MalformedImage } from './images.ts'
import type { Judgement } from './judge.ts'
import type { Oracle } from './oracle.ts'

/** A stored image is exactly what SQLite reads from the same files, however damaged; what SQLite refuses is not stored. */
export async function expectSqlitesImage(
  image: MalformedImage,
  { image: stored }: Judgement,
  oracle: Oracle,
): Promise<string[]> {
  if (stored === null) return []
  const { image: truth } = await oracle.ask(image, { wantsImage: true })
  return truth !== null && stored.equals(truth) ? [] : ['the stored image is not what SQLite reads']
}
