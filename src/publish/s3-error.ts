// What S3's refusals mean (Amazon S3 API Reference, "Error responses"), in one line for the user.
import { plainText } from '../text/plain-text.ts'
import { PublishError } from '../errors.ts'
import type { ApiAnswer } from '../http/transport.ts'

/** The text of the first element with a name; undefined if there is none. S3's responses are flat and have no CDATA. */
export function readElement(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1]
  return text?.replaceAll(/&(lt|gt|quot|apos|amp|#\d+|#x[0-9a-f]+);/gi, (whole, entity: string) => {
    const known: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }
    if (!entity.startsWith('#')) return known[entity] ?? whole
    const point = /^#x/i.test(entity) ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1))
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}

/** The code of a refusal, such as NoSuchKey; undefined if the response is a success or not S3's. */
export function codeOf({ text }: ApiAnswer): string | undefined {
  return /<Error[\s>]/.test(text) ? readElement(text, 'Code') : undefined
}

/** The subject of a request. */
export interface Subject {
  /** `s3://bucket/key`. */
  label: string
  bucket: string
  region: string
  /** The origin of the keys. */
  origin: string
}

const wrongRegion = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])

function hintOf(code: string | undefined, answer: ApiAnswer, { bucket, region, origin }: Subject): string {
  const actual = answer.headers['x-amz-bucket-region'] ?? readElement(answer.text, 'Region')
  if (answer.status === 301 || wrongRegion.has(code ?? '')) {
    return actual !== undefined && actual !== region && /^[\w-]+$/.test(actual)
      ? `"${bucket}" is in the region ${actual}, not ${region}: set AWS_REGION=${actual}`
      : 'check AWS_REGION and --endpoint'
  }
  switch (code ?? '') {
    case 'NoSuchBucket':
      return `create the bucket "${bucket}" first, or correct its name`
    case 'InvalidAccessKeyId':
      return `the store does not know the access key of ${origin}; check it, and --endpoint`
    case 'SignatureDoesNotMatch':
      return `the secret key of ${origin} is not that of its access key; copy it again`
    case 'ExpiredToken':
    case 'InvalidToken':
    case 'TokenRefreshRequired':
      return `the keys of ${origin} are no longer valid; get new ones`
    case 'AccessDenied':
      return `the keys of ${origin} need s3:GetObject, s3:PutObject and s3:AbortMultipartUpload there`
    case 'RequestTimeTooSkewed':
      return "correct this computer's clock"
    default:
      return answer.status >= 500 ? 'try again later' : 'check the destination and --endpoint'
  }
}

const clean = (text: string) => plainText(text).slice(0, 200)

/** `"s3://bucket/key" cannot be written (403 AccessDenied, request 4442…)`, and what to do. */
export function s3Refusal(verb: string, answer: ApiAnswer, subject: Subject): PublishError {
  const code = codeOf(answer)
  const hint = hintOf(code, answer, subject)
  const id = answer.headers['x-amz-request-id'] ?? readElement(answer.text, 'RequestId')
  const codeText = code === undefined ? 'without an S3 error code' : clean(code)
  // S3's own words appear only if the code says too little; they quote nothing that was signed.
  const words = hint.startsWith('check the destination') ? readElement(answer.text, 'Message') : undefined
  const parts = [
    `${answer.status} ${codeText}`,
    ...(words ? [`"${clean(words)}"`] : []),
    ...(id ? [`request ${clean(id)}`] : []),
  ]
  return new PublishError(`"${subject.label}" cannot be ${verb} (${parts.join(', ')})`, { hint })
}
