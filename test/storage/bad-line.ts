/** A bucket with a proxy in front of it that makes things go wrong. */
import { type Fault, type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import type { S3Place } from './s3-place.ts'

export const isPut: Fault['when'] = ({ method, url }) => method === 'PUT' && !url.includes('partNumber')
export const isPart: Fault['when'] = ({ method, url }) => method === 'PUT' && url.includes('partNumber')
export const isGet: Fault['when'] = ({ method, url }) => method === 'GET' && url.includes('GetObject')
export const isHead: Fault['when'] = ({ method }) => method === 'HEAD'
/** Of the bucket itself. */
export const isBucketHead: Fault['when'] = ({ method, url }) =>
  method === 'HEAD' && /^\/[^/]+\/?(?:\?|$)/.test(url)
export const isDelete: Fault['when'] = ({ method }) => method === 'DELETE'
export const isBegin: Fault['when'] = ({ method, url }) => method === 'POST' && url.includes('uploads')
export const isComplete: Fault['when'] = ({ method, url }) => method === 'POST' && url.includes('uploadId=')

/** What a server says that could not do what it was asked. */
export function error(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>secret words</Message></Error>`
}

export interface BadLine {
  readonly proxy: FaultProxy
  /** The bucket by way of the proxy, and without it. */
  readonly through: S3Place
  readonly direct: S3Place
}

export async function onBadLine(
  place: () => Promise<S3Place>,
  body: (scene: BadLine) => Promise<void>,
): Promise<void> {
  const direct = await place()
  await using proxy = await startFaultProxy(direct.config.endpoint ?? '')
  const config = { ...direct.config, endpoint: proxy.endpoint }
  await body({ proxy, direct, through: { ...direct, config } })
}
