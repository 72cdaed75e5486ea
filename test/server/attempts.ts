/** The requests of the fuzz test, made of the API's document. Always the same ones: what is random in them has a seed. */
import {
  anyStrings,
  HOSTILE_ENCODINGS,
  HOSTILE_KEYS,
  HOSTILE_NAMES,
  HOSTILE_NUMBERS,
  HOSTILE_TEXTS,
  HOSTILE_VALUES,
  inPath,
  printJson,
} from './hostile.ts'
import { placesIn, type Schemas, validOf } from './json-schema.ts'
import type { RawRequest } from './raw-request.ts'
import type { Described } from './serving.ts'

const SEED = 42
/** CHAME_FUZZ=whole: everything at every place, in some minutes. */
const IS_WHOLE = process.env['CHAME_FUZZ'] === 'whole'

/** A request with something hostile at one place. */
export interface Attempt extends RawRequest {
  /** Such as "query limit". */
  readonly place: string
}

/** What makes a request valid. */
export interface Valid {
  /** For each parameter of a path, what is there. */
  readonly names: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
}

/** All attempts on an operation: at each place that the document tells of something hostile, and all else as it should be. */
export function attemptsOn(
  { method, template, operation }: Described,
  { names, headers }: Valid,
  { schemas, turn }: { readonly schemas: Schemas; readonly turn: Turn },
): Attempt[] {
  const isScheduled = template.includes('schedule')
  const valid: Readonly<Record<string, string>> = isScheduled ? { ...names, job: 'daily' } : names
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
  const isJson = type === 'application/json'
  const schema = content?.schema ?? {}
  const fine =
    type === undefined ? undefined : isJson ? printJson(validOf(schema, schemas)) : 'no backup at all'
  const { parameters = [] } = operation
  const query = parameters.filter(each => each.in === 'query' && each.required === true)
  const request = (place: string, change: Partial<Parts>): Attempt => {
    const parts = {
      names: valid,
      query: query.map(({ name }) => [name, 'x'] as const),
      headers: {},
      body: fine,
      ...change,
    }
    const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => parts.names[name] ?? '')
    const search = parts.query.map(pair => pair.map(encodeURIComponent).join('=')).join('&')
    return {
      place,
      method,
      path: search === '' ? path : `${path}?${search}`,
      headers: { ...headers, ...(type === undefined ? {} : { 'content-type': type }), ...parts.headers },
      ...(parts.body === undefined ? {} : { body: parts.body }),
    }
  }
  const others = (name: string): (readonly [string, string])[] =>
    query.filter(each => each.name !== name).map(each => [each.name, 'x'])
  const inParameters = parameters.flatMap(({ name, in: where }) => {
    const place = `${where} ${name}`
    const strings = turn.some(STRINGS, 4)
    if (where === 'path') {
      const written = [...strings.flatMap(inPath), ...turn.some(HOSTILE_ENCODINGS, 2), '']
      return written.map(each => request(place, { names: { ...valid, [name]: each } }))
    }
    if (where === 'header') {
      const sendable = turn.some(SENDABLE, 4)
      return [...sendable, 'x'.repeat(4096)].map(each => request(place, { headers: { [name]: each } }))
    }
    const keys = turn.some(KEY_ENDS, 1).map(more => name + more)
    return [
      ...strings.map(each => request(place, { query: [...others(name), [name, each.toWellFormed()]] })),
      request(place, { query: others(name) }),
      request(place, { query: [...others(name), [name, 'x'], [name, '1']] }),
      ...keys.map(key => request(place, { query: [...others(name), [key, '1']] })),
    ]
  })
  if (!isJson) return inParameters
  const body = (place: string, value: unknown): Attempt => request(place, { body: printJson(value) ?? '' })
  const inBody = placesIn(schema, schemas).flatMap(place => {
    const values = [
      undefined,
      ...turn.some(HOSTILE_VALUES, 3),
      ...turn.some(STRINGS, 3),
      turn.some(STRINGS, 9),
    ]
    return values.map(value => body(`body ${place.name}`, place.put(value)))
  })
  const base = validOf(schema, schemas) as object
  return [
    ...inParameters,
    ...inBody,
    ...HOSTILE_VALUES.map(value => body('body', value)),
    ...HOSTILE_KEYS.map(key => body('body', { ...base, [key]: base })),
    ...turn.some(NO_JSON, 3).map(text => request('body', { body: text })),
  ]
}

/** Whatever stands where text is asked for; the last ones are of any characters. All of them fit into headers. */
export const STRINGS: readonly string[] = [
  ...HOSTILE_NAMES,
  ...HOSTILE_TEXTS,
  ...HOSTILE_NUMBERS,
  ...anyStrings(SEED, 40),
]
/** Of those, what may stand in a header at all. */
const SENDABLE = STRINGS.filter(each => /^[\x21-\x7e\xa0-\xff]{1,4096}$/.test(each))
/** How some programs write a list, or a part of an object, into a query. */
const KEY_ENDS = ['[]', '[0]', '[__proto__]', '.x']
const NO_JSON = ['', '{', 'null,', '\0', '{"a":1,"a":2}', '['.repeat(100_000), '\u{feff}{}']

/** Deals lists out, so many at a time and in turn, so that no place has all of them and each of them comes to some. */
export class Turn {
  readonly #next = new Map<readonly unknown[], number>()

  some<Item>(list: readonly Item[], count: number): readonly Item[] {
    if (IS_WHOLE) return list
    const first = this.#next.get(list) ?? 0
    this.#next.set(list, first + count)
    return Array.from({ length: count }, (_, i) => list[(first + i) % list.length] as Item)
  }
}

/** What a request has at each of its places. */
interface Parts {
  readonly names: Readonly<Record<string, string>>
  readonly query: readonly (readonly [string, string])[]
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}
