/** The OpenAPI 3.1 document of this API, made of the same schemas that its requests are held to. */
import type { ServerApp } from './environment.ts'
import { permissionOf } from './permissions.ts'

/** What an operation says beside its schemas: who may call it. */
interface Operation {
  security?: readonly Record<string, readonly string[]>[]
  'x-role'?: string
}

type Document = ReturnType<ServerApp['getOpenAPI31Document']>

export function openApiDocument(app: ServerApp, version: string): Document {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token: chame-backup token create.',
  })
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Chame Backup',
      version,
      description:
        'Backups for SQLite applications, proven to restore. Errors are problem documents (RFC 9457).',
    },
  })
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(item as Record<string, Operation>)) {
      const role = permissionOf(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'))
      if (role === null) continue
      operation['x-role'] = role
      operation.security = role === 'public' ? [] : [{ token: [] }]
    }
  }
  return document
}
