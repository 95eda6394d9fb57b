import { describe, expect, test } from 'vitest'
import { parseDestination } from '../../src/publish/destination.ts'

const sftp = { kind: 'sftp', user: undefined, host: 'host', port: undefined, path: '/srv' }

describe('parseDestination', () => {
  test.each([
    ['./out', './out'],
    ['/srv/www', '/srv/www'],
    ['a b?c#d%20', 'a b?c#d%20'],
    ['./a:b', './a:b'],
    ['file:///srv/www', '/srv/www'],
    ['FILE:///srv/a%20b', '/srv/a b'],
    ['file:/srv', '/srv'],
    ['file://localhost/srv', '/srv'],
  ])('%s is the folder %s', (text, path) => {
    expect(parseDestination(text)).toEqual({ kind: 'folder', path })
  })

  test.each([
    ['sftp://host/srv', sftp],
    ['sftp://host/srv/', sftp],
    ['SFTP://me@host:2222/~/a%20b', { ...sftp, user: 'me', port: 2222, path: '/~/a b' }],
    ['sftp://[::1]:22/srv', { ...sftp, host: '::1', port: 22 }],
    ['sftp://host', { ...sftp, path: '/~' }],
    ['sftp://host/', { ...sftp, path: '/' }],
  ])('%s', (text, expected) => {
    expect(parseDestination(text)).toEqual(expected)
  })

  test.each([
    ['s3://my.bucket-1', { bucket: 'my.bucket-1', prefix: '' }],
    ['s3://bucket/', { bucket: 'bucket', prefix: '' }],
    ['S3://Bucket_1//a/b c%20?#/', { bucket: 'Bucket_1', prefix: 'a/b c%20?#' }],
  ])('%s', (text, expected) => {
    expect(parseDestination(text)).toEqual({ kind: 's3', ...expected })
  })

  test.each([
    ['', '--destination "" is empty'],
    ['s3:bucket', '--destination "s3:bucket" names no bucket'],
    ['s3:///boot', '--destination "s3:///boot" names no bucket'],
    ['s3://key:secret@bucket/boot', '--destination has a user'],
    ['s3://bucket:80/boot', '--destination "s3://bucket:80/boot" names no bucket'],
    ['s3://bucket/a//b', '--destination "s3://bucket/a//b" has an empty part, . or .. in its prefix'],
    ['s3://bucket/../b', '--destination "s3://bucket/../b" has an empty part, . or .. in its prefix'],
    ['s3://bucket/a\nb', '--destination "s3://bucket/a\nb" has control characters in its prefix'],
    ['ftp://host/srv', '--destination "ftp://host/srv" has an unknown scheme (ftp:)'],
    ['sftp:srv', '--destination "sftp:srv" is not the URL of a folder'],
    ['sftp://me:secret@host/srv', '--destination has a password'],
    ['sftp://host/a?b', '--destination "sftp://host/a?b" has a query or a fragment'],
    ['sftp://host/%zz', '--destination "sftp://host/%zz" has a % that does not begin an escape'],
    ['file://host/srv', '--destination "file://host/srv" is on another computer ("host")'],
    ['file:out', '--destination "file:out" is not the URL of a folder'],
    ['file:///a%2Fb', '--destination "file:///a%2Fb" is not the URL of a folder'],
    ['file://[/srv', '--destination "file://[/srv" is not the URL of a folder'],
    ['file:///srv?x', '--destination "file:///srv?x" has a query or a fragment'],
  ])('refuses %j', (text, message) => {
    expect(() => parseDestination(text)).toThrow(expect.objectContaining({ name: 'UsageError', message }))
  })
})
