/** What the API's document says of a body: a valid one, and every place in it that can hold something. */

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
}

export type Schemas = Readonly<Record<string, Schema>>

/** A place in a body, and the smallest valid body with a value of one's own there. */
export interface Place {
  readonly name: string
  readonly schema: Schema
  readonly isRequired: boolean
  /** With undefined: without it. */
  readonly put: (value: unknown) => unknown
}

/** The smallest value that a schema allows, as far as it says so. */
export function validOf(schema: Schema, schemas: Schemas): unknown {
  const [plain = {}] = variantsOf(schema, schemas)
  if (plain.const !== undefined) return plain.const
  if (plain.enum !== undefined) return plain.enum[0]
  const type = typeof plain.type === 'object' ? plain.type[0] : plain.type
  if (type === 'string') return plain.format === 'date-time' ? '2026-01-01T00:00:00Z' : 'x'
  if (type === 'integer' || type === 'number') return Math.max(plain.minimum ?? 1, 1)
  if (type === 'boolean') return false
  if (type === 'array') return []
  const required = (plain.required ?? []).map(key => [key, validOf(plain.properties?.[key] ?? {}, schemas)])
  return Object.fromEntries(required) as unknown
}

/** All places below a body's root. */
export function placesIn(schema: Schema, schemas: Schemas): readonly Place[] {
  return below(schema, schemas, '', value => value)
}

function below(
  schema: Schema,
  schemas: Schemas,
  name: string,
  build: (value: unknown) => unknown,
): readonly Place[] {
  return variantsOf(schema, schemas).flatMap(plain => {
    const base = validOf(plain, schemas)
    const { properties = {}, additionalProperties: others, items, required = [] } = plain
    const keys = Object.entries(properties)
    if (typeof others === 'object') keys.push(['*', others])
    const places = keys.map(([key, sub]): Place => {
      const put = (value: unknown): unknown => build({ ...(base as object), [key]: value })
      return { name: `${name}/${key}`, schema: sub, isRequired: required.includes(key), put }
    })
    if (items !== undefined) {
      places.push({
        name: `${name}/0`,
        schema: items,
        isRequired: false,
        put: value => build(value === undefined ? [] : [value]),
      })
    }
    return places.flatMap(place => [place, ...below(place.schema, schemas, place.name, place.put)])
  })
}

/** A schema without references, and each of those that it stands for. */
export function variantsOf(schema: Schema, schemas: Schemas): readonly Schema[] {
  if (schema.$ref !== undefined)
    return variantsOf(schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}, schemas)
  const several = schema.anyOf ?? schema.oneOf ?? schema.allOf?.slice(0, 1)
  return several === undefined ? [schema] : several.flatMap(each => variantsOf(each, schemas))
}
