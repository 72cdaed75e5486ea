// Shows the OpenAPI document as a page. Builds elements, never HTML of text: names in the document are text.

const document_ = await (await fetch('/api/v1/openapi.json')).json()

function element(name, { text, className, children = [] } = {}) {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  if (className !== undefined) made.className = className
  made.append(...children)
  return made
}

function nameOf(schema) {
  if (schema?.$ref) return schema.$ref.split('/').at(-1)
  if (schema?.type === 'array') return `${nameOf(schema.items)}[]`
  const type = schema?.type ?? (schema?.anyOf ?? schema?.oneOf ?? []).map(nameOf).join(' | ')
  return Array.isArray(type) ? type.join(' | ') : String(type || 'any')
}

function table(rows) {
  return element('table', {
    children: rows.map(cells =>
      element('tr', { children: cells.map(text => element('td', { text: String(text ?? '') })) }),
    ),
  })
}

function schemaBlock(schema) {
  return element('pre', { text: JSON.stringify(schema, null, 2) })
}

function operationView(method, path, operation) {
  const summary = element('summary', {
    children: [
      element('span', { text: method, className: 'method' }),
      element('code', { text: ` ${path} ` }),
      element('span', { text: operation['x-role'] ?? '', className: 'role' }),
      element('div', { text: operation.summary ?? '' }),
    ],
  })
  const parts = [summary]
  if (operation.description) parts.push(element('p', { text: operation.description }))
  const parameters = operation.parameters ?? []
  if (parameters.length > 0) {
    parts.push(element('h4', { text: 'Parameters' }))
    parts.push(
      table(
        parameters.map(({ name, in: place, required, schema, description }) => [
          name,
          `${place}${required ? ', required' : ''}`,
          nameOf(schema),
          description ?? schema?.description,
        ]),
      ),
    )
  }
  for (const [type, { schema }] of Object.entries(operation.requestBody?.content ?? {})) {
    parts.push(element('h4', { text: `Body: ${type}` }), schemaBlock(schema))
  }
  parts.push(element('h4', { text: 'Answers' }))
  parts.push(
    table(
      Object.entries(operation.responses ?? {}).map(([status, { description, content }]) => [
        status,
        description,
        Object.entries(content ?? {})
          .map(([type, { schema }]) => `${type}: ${nameOf(schema)}`)
          .join(', '),
      ]),
    ),
  )
  return element('details', { children: parts })
}

const byTag = new Map()
for (const [path, item] of Object.entries(document_.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    const tag = operation.tags?.[0] ?? 'Other'
    byTag.set(tag, [...(byTag.get(tag) ?? []), operationView(method, path, operation)])
  }
}
const operations = document.getElementById('operations')
const contents = document.getElementById('contents')
for (const [tag, views] of byTag) {
  const heading = element('h2', { text: tag })
  heading.id = tag.toLowerCase().replaceAll(' ', '-')
  operations.append(heading, ...views)
  const link = element('a', { text: tag })
  link.href = `#${heading.id}`
  contents.append(link, ' · ')
}
operations.append(element('h2', { text: 'Schemas' }))
for (const [name, schema] of Object.entries(document_.components?.schemas ?? {})) {
  operations.append(
    element('details', { children: [element('summary', { text: name }), schemaBlock(schema)] }),
  )
}
document.getElementById('about').textContent =
  `Version ${document_.info.version}. ${document_.info.description}`
