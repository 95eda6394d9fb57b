import { describe, expect, test } from 'vitest'
import { bucketUrl, encodePath } from '../../src/publish/s3-client.ts'
import { readElement, s3Refusal } from '../../src/publish/s3-error.ts'

test.each([
  ['bucket', 'eu-west-1', undefined, 'https://bucket.s3.eu-west-1.amazonaws.com'],
  ['bucket', 'cn-north-1', undefined, 'https://bucket.s3.cn-north-1.amazonaws.com.cn'],
  ['my.bucket', 'us-east-1', undefined, 'https://s3.us-east-1.amazonaws.com/my.bucket'],
  ['Bucket_1', 'us-east-1', undefined, 'https://s3.us-east-1.amazonaws.com/Bucket_1'],
  ['bucket', 'auto', 'http://127.0.0.1:9000', 'http://127.0.0.1:9000/bucket'],
])('the bucket %s in %s at %s is %s', (bucket, region, endpoint, url) => {
  expect(bucketUrl({ bucket, region, endpoint })).toBe(url)
})

test.each([
  ['virtual', 'bucket', 'https://store.example.com:9000', 'https://bucket.store.example.com:9000'],
  ['virtual', 'my.bucket', 'https://store.example.com', 'https://store.example.com/my.bucket'],
  ['virtual', 'bucket', 'http://127.0.0.1:9000', 'http://127.0.0.1:9000/bucket'],
  ['path', 'bucket', undefined, 'https://s3.x-1.amazonaws.com/bucket'],
])('addressing_style = %s has the bucket %s at %s in %s', (addressing, bucket, endpoint, url) => {
  expect(bucketUrl({ bucket, region: 'x-1', endpoint, addressing })).toBe(url)
})

test('a key is escaped as in the signature', () => {
  expect(encodePath("a b/ü+(1)*!'~-_.")).toBe('a%20b/%C3%BC%2B%281%29%2A%21%27~-_.')
})

test('an element is read with its entities decoded', () => {
  expect(readElement('<A xmlns="x"><UploadId>a&amp;b&#43;&lt;&bad;</UploadId></A>', 'UploadId')).toBe('a&b+<&bad;')
  expect(readElement('<A></A>', 'UploadId')).toBe(undefined)
})

const error = (code: string, more = '') => `<?xml version="1.0"?><Error><Code>${code}</Code>${more}</Error>`

describe('the hint of a refusal', () => {
  const subject = { label: 's3://b/k', bucket: 'b', region: 'us-east-1', origin: 'the environment' }
  test.each([
    [
      {
        status: 301,
        headers: { 'x-amz-bucket-region': 'eu-west-1', 'x-amz-request-id': 'R1' },
        text: error('PermanentRedirect'),
      },
      '(301 PermanentRedirect, request R1)',
      '"b" is in the region eu-west-1, not us-east-1: set AWS_REGION=eu-west-1',
    ],
    [
      {
        status: 400,
        headers: {},
        text: error('AuthorizationHeaderMalformed', '<Region>eu-1</Region><RequestId>R2</RequestId>'),
      },
      '(400 AuthorizationHeaderMalformed, request R2)',
      '"b" is in the region eu-1, not us-east-1: set AWS_REGION=eu-1',
    ],
    [{ status: 301, headers: {}, text: '' }, '(301 without an S3 error code)', 'check AWS_REGION and --endpoint'],
    [
      { status: 400, headers: {}, text: error('ExpiredToken', '<Message>The token has expired.</Message>') },
      '(400 ExpiredToken)',
      'the keys of the environment are no longer valid; get new ones',
    ],
    [
      { status: 400, headers: {}, text: error('EntityTooLarge', '<Message>Too\nlarge\u001b[2J</Message>') },
      '(400 EntityTooLarge, "Too large\\u{1b}[2J")',
      'check the destination and --endpoint',
    ],
    [{ status: 502, headers: {}, text: '<html>' }, '(502 without an S3 error code)', 'try again later'],
  ])('%j', (answer, why, hint) => {
    const { message, hint: said } = s3Refusal('written', answer, subject)
    expect([message, said]).toEqual([`"s3://b/k" cannot be written ${why}`, hint])
  })
})
