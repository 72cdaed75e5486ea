/** Places in buckets of a server that is given. */
import {
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import type { S3TargetConfig } from '../../src/config/targets.ts'
import type { Opening, Place } from './contract.ts'
import type { Requirement } from '../support/requirements.ts'
import type { Rgw } from './servers/rgw.ts'
import { type BucketForm, makeBucket, s3Config, type S3Server } from './servers/s3-server.ts'

export type S3Place = Place & { readonly config: S3TargetConfig }

/** What tests of a server that is started once share. */
export interface S3Around {
  readonly needs: readonly Requirement[]
  /** A new, empty bucket. */
  readonly place: (more?: Partial<S3TargetConfig>, form?: BucketForm) => Promise<S3Place>
  /** How many uploads are under way in a place's bucket. */
  readonly uploadsOf: (place: Opening) => Promise<number>
  readonly server: () => Rgw
}

const PREFIX = 'some/where'

/** A new bucket, below a prefix of it. */
export async function s3PlaceOf(
  server: S3Server,
  client: S3Client,
  { more = {}, form = {} }: { more?: Partial<S3TargetConfig>; form?: BucketForm } = {},
): Promise<S3Place> {
  const Bucket = await makeBucket(client, form)
  const config = s3Config(server, { bucket: Bucket, prefix: PREFIX, ...more })
  const place = { config, environment: server.environment }
  return {
    ...place,
    async plant(name, bytes) {
      await client.send(new PutObjectCommand({ Bucket, Key: `${PREFIX}/${name}`, Body: bytes }))
    },
    async everything() {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }))
      const keys = Contents.map(({ Key = '' }) => Key.slice(PREFIX.length + 1))
      return [...keys, ...(await uploadsOf(client, place))]
    },
  }
}

/** The keys of the uploads that are under way in a place's bucket, one for each. */
export async function uploadsOf(client: S3Client, { config }: Opening): Promise<string[]> {
  const { bucket: Bucket } = config as S3TargetConfig
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
  return Uploads.map(({ Key = '' }) => `upload of ${Key}`)
}
