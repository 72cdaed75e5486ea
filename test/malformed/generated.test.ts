import { expect, test } from 'vitest'
import { isFull, SEED, select } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { wholeBases } from './bases.ts'
import { damaged, randomlyDamaged } from './generate.ts'
import { judgeAll, type Verdicts } from './judge-all.ts'
import { expectRecorded } from './recorded.ts'
import { expectSqlitesImage } from './sqlites-image.ts'

function publishVerdicts(what: string, { broken, sound, refused }: Verdicts): void {
  publish({
    group: 'Malformed databases',
    what,
    count: sound + refused,
    unit: 'images',
    outcome: `${refused} refused or reported, ${sound} sound to SQLite too, ${broken.length} crashes, hangs or lies`,
  })
}

test.each(wholeBases().map(base => [base.id, base] as const))(
  'every structure of the %s database, damaged in every way, turns out as recorded, and what is stored is what SQLite reads',
  async (id, base) => {
    const verdicts = await judgeAll(select(damaged(base), 60), expectSqlitesImage)
    publishVerdicts(`generated, ${id}`, verdicts)
    expect(verdicts.broken).toEqual([])
    expectRecorded('generated', verdicts.classes)
  },
  3_600_000,
)

test('bytes changed at random places are reported, or change nothing that SQLite checks', async () => {
  const images = wholeBases().flatMap(base => randomlyDamaged(base, isFull ? 250 : 8, SEED))
  const verdicts = await judgeAll(images, expectSqlitesImage)
  publishVerdicts(`generated, random bytes, seed ${SEED}`, verdicts)
  expect(verdicts.broken).toEqual([])
}, 3_600_000)
