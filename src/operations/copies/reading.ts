/** One run of reading again what lies at one target. */
import type { OpenKeyFile } from '../../blocks/key-files.ts'
import type { BackupInfo } from '../../catalog/backup-info.ts'
import { imageKey, metadataKey, packKey } from '../../catalog/target-keys.ts'
import type { TargetCatalog } from '../../catalog/target-catalog.ts'
import { readAtTarget } from '../../catalog/target-catalog.ts'
import { throwIfCancelled } from '../../errors.ts'
import { choosePortion, lastReadAt, type Portion, type Readable } from '../../schedule/rota.ts'
import { inParallel } from '../../storage/in-parallel.ts'
import type { Target } from '../../storage/target.ts'
import type { Context } from '../context.ts'
import type { CopiesAtTarget, CopyProblem } from '../copies-reports.ts'
import { identityOf } from '../copy-identity.ts'
import type { CopyProgress } from '../copy-progress.ts'
import { decideAt } from '../decide-by-size.ts'
import { DoubtedAtTarget } from '../doubted-at-target.ts'
import { findLacking } from '../lacking-copies.ts'
import { openWork } from '../open-work.ts'
import { PacksAtTarget } from '../packs-at-target.ts'
import { catalogOf, targetSettings } from '../target-access.ts'
import { judgedAll } from '../trust.ts'
import { copiesHurt, type PackThere, packsThere } from './pages-there.ts'
import { type Copy, type Described, readCopy } from './read-file.ts'
import { type PackRead, readPack } from './read-pack.ts'
import { ReadTimes } from './read-times.ts'
import { damagedAt, noteDamaged, noteWhole, wholeSince } from './record-copies-read.ts'

/** Small objects are a matter of waiting for answers; packs are kept one at a time. */
const READS_AT_ONCE = 3

/** How much is read. */
export interface Limits {
  readonly portion: Portion
  /** Null: as long as it takes. */
  readonly timeMs: number | null
}

/** What one run has for all targets. */
export interface CopiesRun {
  /** The backups in the backup directory. */
  readonly here: readonly BackupInfo[]
  readonly limits: Limits
  readonly progress: CopyProgress
  /** Opens the keys of encrypted packs, where it can. */
  readonly open: OpenKeyFile
  readonly startedAt: Date
}

/** An object at the target. */
interface Unit extends Readable {
  readonly key: string
  readonly copies: readonly Copy[]
  /** Resolves to whether it is whole; null where it is gone, with all that relied on it. */
  readonly read: () => Promise<boolean | null>
}

type Found = Omit<CopiesAtTarget, 'name' | 'status' | 'failure' | 'durationMs'>

export class CopiesReading {
  readonly #name: string
  readonly #run: CopiesRun
  readonly #context: Context
  readonly #problems: CopyProblem[] = []
  /** Copies of which something was found damaged in this run, and what of their own files; null: a pack. */
  readonly #damaged = new Map<Copy, string | null>()
  readonly #packKeys = new Map<Copy, string[]>()
  #doubted: DoubtedAtTarget | null = null
  #copies: readonly Copy[] = []
  #units: readonly Unit[] = []
  readonly #read = new Map<Unit, boolean>()

  constructor(name: string, run: CopiesRun, context: Context) {
    this.#name = name
    this.#run = run
    this.#context = context
  }

  async read(target: Target): Promise<void> {
    const { settings, now } = this.#context
    const catalog = await catalogOf(target, { database: settings.name }, this.#context)
    await this.#compare(target, catalog)
    const times = await ReadTimes.open(settings.backupDir, this.#name)
    this.#doubted = await DoubtedAtTarget.open(this.#name, this.#context)
    await using work = await openWork(this.#context)
    const packs = new PacksAtTarget(target, this.#context.signal)
    this.#units = [
      ...this.#copies.map(copy => this.#fileUnit(copy, target, times)),
      ...(await this.#packUnits(
        target,
        times,
        id => readPack(id, { packs, work, open: this.#run.open, signal: this.#context.signal }),
        packs,
      )),
    ]
    try {
      await this.#readChosen(times)
    } finally {
      // What was found until the line broke is noted all the same.
      await this.#record(target, times)
      await times.write(now())
    }
  }

  found(): Found {
    const units = this.#units
    const read = [...this.#read.keys()]
    const sum = (of: readonly Unit[]): number => of.reduce((bytes, unit) => bytes + unit.bytes, 0)
    const now = this.#context.now().getTime()
    const unread = units.filter(unit => !this.#read.has(unit)).map(unit => lastReadAt(unit, now))
    const oldest = unread.reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY)
    return {
      problems: this.#problems,
      backups: this.#copies.length,
      objects: units.length,
      readObjects: read.length,
      bytes: sum(units),
      readBytes: sum(read),
      unreadSince: Number.isFinite(oldest) ? new Date(oldest).toISOString() : null,
    }
  }

  /** What the listing tells: which backups are there, and what is missing or cut short. */
  async #compare(target: Target, { backups, described, marks }: TargetCatalog): Promise<void> {
    const here = this.#run.here.filter(isDescribed)
    const byIdentity = new Map(here.map(backup => [identityOf(backup.metadata), backup]))
    const listed = await judgedAll(backups, this.#context)
    this.#copies = listed
      .filter(isDescribed)
      .map(there => ({ there, here: byIdentity.get(identityOf(there.metadata)) ?? null }))
    const hasCopy = new Set<BackupInfo | null>(this.#copies.map(copy => copy.here))
    const lacking = here.filter(backup => !hasCopy.has(backup))
    await this.#findMissing(target, lacking, backups)
    const shown = new Set([...backups.map(({ filename }) => filename), ...marks.map(mark => mark.filename)])
    for (const filename of described) if (!shown.has(filename)) await this.#findFile(target, filename)
    const byName = new Map(here.map(backup => [backup.filename, backup]))
    for (const backup of listed.filter(({ metadataState }) => metadataState === 'invalid')) {
      const mine = byName.get(backup.filename)
      // Once there is another copy of it, it is nobody's loss.
      if (mine !== undefined && hasCopy.has(mine)) continue
      const message = `its metadata there cannot be read: ${backup.metadataProblem}`
      this.#add('damaged', metadataKey(backup.filename), message, [backup.filename])
    }
  }

  /** What is noted to be there, is not, and would be kept there. What was deleted there on purpose is not noted. */
  async #findMissing(
    target: Target,
    lacking: readonly Described[],
    there: readonly BackupInfo[],
  ): Promise<void> {
    const { retention } = targetSettings(this.#context.settings, this.#name)
    const noted = lacking.filter(({ metadata }) => metadata.copies?.[this.#name] != null)
    const { wanted } = await findLacking(noted, there, {
      target: this.#name,
      decide: all => decideAt(target, all, retention.policy, this.#context),
    })
    for (const backup of wanted)
      this.#add('missing', imageKey(backup), 'what was copied there is gone', [backup.filename])
  }

  /** Metadata without its file. Whoever deletes, deletes the metadata first. */
  async #findFile(target: Target, filename: string): Promise<void> {
    const { signal } = this.#context
    const isGone =
      (await readAtTarget(target, filename, { signal })) === null &&
      (await target.head(metadataKey(filename), { signal })) !== null
    const isKnown = this.#problems.some(({ hurts }) => hurts.includes(filename))
    if (isGone && !isKnown) this.#add('missing', metadataKey(filename), 'its file there is gone', [filename])
  }

  #fileUnit(copy: Copy, target: Target, times: ReadTimes): Unit {
    const { there } = copy
    const key = imageKey(there)
    return {
      key,
      bytes: there.size,
      copies: [copy],
      // That its size is another needs no reading to be told.
      readAt:
        there.size === there.metadata.file_size
          ? (times.of(key, this.#context.now()) ?? putAt(copy, this.#name))
          : 0,
      read: async () => {
        const report = this.#run.progress.add(`${this.#name}:${key}`, there.size)
        const wrong = await readCopy(copy, target, this.#context, report)
        if (wrong === 'gone') return null
        if (wrong === null) return true
        this.#damaged.set(copy, wrong.message)
        return false
      },
    }
  }

  /** Where a damaged one cannot be replaced, because it is locked, another copy was put beside it. */
  #isSuperseded({ there, here }: Copy): boolean {
    return this.#copies.some(
      copy =>
        copy.there !== there &&
        copy.here !== null &&
        copy.here === here &&
        !this.#damaged.has(copy) &&
        copy.there.size === copy.there.metadata.file_size &&
        copy.there.metadata.damaged_at === undefined,
    )
  }

  async #packUnits(
    target: Target,
    times: ReadTimes,
    read: (id: string) => Promise<PackRead>,
    packs: PacksAtTarget,
  ): Promise<Unit[]> {
    const { signal } = this.#context
    const needed = await packsThere(this.#copies, target, signal)
    await packs.look([...needed.keys()], { isAnew: false })
    const units: Unit[] = []
    for (const [id, pack] of needed) {
      const key = packKey(id)
      for (const copy of pack.copies) this.#packKeys.set(copy, [...(this.#packKeys.get(copy) ?? []), key])
      const readAt = times.of(key, this.#context.now()) ?? firstPutOf(pack.copies, this.#name)
      units.push({
        key,
        bytes: packs.sizeOf(id) ?? 0,
        copies: pack.copies,
        // What is not there has not to be read to know that.
        readAt: packs.sizeOf(id) === null ? 0 : readAt,
        read: () => this.#readPack(id, pack, target, read),
      })
    }
    return units
  }

  async #readPack(
    id: string,
    { needed, copies }: PackThere,
    target: Target,
    read: (id: string) => Promise<PackRead>,
  ): Promise<boolean | null> {
    const { signal } = this.#context
    const { whole, isAllWhole, problem } = await read(id)
    if (isAllWhole) await this.#doubted?.trust(id)
    if (needed.beyond(whole).next().done === true) return true
    const hurt: Copy[] = []
    for (const copy of await copiesHurt(id, { copies, whole }, target, signal)) {
      // A backup that was deleted meanwhile needs none.
      if ((await readAtTarget(target, copy.there.filename, { signal })) !== null) hurt.push(copy)
    }
    if (hurt.length === 0) return null
    await this.#doubted?.doubt([id])
    for (const copy of hurt) if (!this.#damaged.has(copy)) this.#damaged.set(copy, null)
    this.#add(
      'damaged',
      packKey(id),
      problem,
      hurt.map(({ there }) => there.filename),
    )
    return false
  }

  async #readChosen(times: ReadTimes): Promise<void> {
    const { limits, startedAt } = this.#run
    const { now, signal } = this.#context
    const chosen = choosePortion(this.#units, limits.portion, now().getTime())
    const isOver = (): boolean =>
      limits.timeMs !== null && this.#read.size > 0 && now().getTime() - startedAt.getTime() >= limits.timeMs
    await inParallel(chosen, READS_AT_ONCE, async unit => {
      if (isOver()) return
      throwIfCancelled(signal)
      const isWhole = await unit.read()
      if (isWhole === null) return
      this.#read.set(unit, isWhole)
      times.note(unit.key, { isWhole, now: now() })
    })
  }

  /** What was found, of each copy of which something was read; and what is known of the others from before. */
  async #record(target: Target, times: ReadTimes): Promise<void> {
    const read = new Set([...this.#read.keys()].flatMap(({ copies }) => copies))
    for (const copy of this.#copies) {
      const found = this.#damaged.get(copy)
      const before = damagedAt(copy, this.#name)
      if (found !== undefined) {
        if (before === null) await noteDamaged(copy, target, this.#context)
        if (found !== null) this.#tell(copy, found)
        continue
      }
      const since = wholeSince(copy, this.#packKeys.get(copy) ?? [], key => times.wholeAt(key))
      const isWhole = since !== null && (before === null || since > before)
      if (isWhole && read.has(copy)) await noteWhole(copy, since, target, this.#context)
      if (before !== null && !isWhole)
        this.#tell(copy, `it was found damaged on ${before}, and has not been replaced`)
    }
  }

  #tell(copy: Copy, message: string): void {
    const { there } = copy
    if (!this.#isSuperseded(copy)) this.#add('damaged', imageKey(there), message, [there.filename])
  }

  #add(code: CopyProblem['code'], key: string, message: string, hurts: readonly string[]): void {
    this.#problems.push({ code, path: `${this.#name}:${key}`, message, hurts })
  }
}

function isDescribed(backup: BackupInfo): backup is Described {
  return backup.metadata !== null
}

/** When the first of these was put there. */
function firstPutOf(copies: readonly Copy[], name: string): number {
  return copies.reduce((first, copy) => Math.min(first, putAt(copy, name)), Infinity)
}

/** When it was put there, as far as anybody noted it. */
function putAt({ there, here }: Copy, name: string): number {
  return Date.parse(here?.metadata.copies?.[name]?.at ?? there.created)
}
