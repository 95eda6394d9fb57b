import { describe, expect, it } from 'vitest'
import { parseDestination } from '../../src/image/destination.ts'

describe('parseDestination', () => {
  it.each([
    ['./out', './out'],
    ['/srv/www', '/srv/www'],
    ['a b?c#d%20', 'a b?c#d%20'],
    ['./a:b', './a:b'],
    ['file:///srv/www', '/srv/www'],
    ['FILE:///srv/a%20b', '/srv/a b'],
    ['file:/srv', '/srv'],
    ['file://localhost/srv', '/srv'],
  ])('%s is %s', (text, expected) => {
    expect(parseDestination(text)).toBe(expected)
  })

  it.each([
    ['', '--destination "" is empty'],
    ['sftp://host/srv', '--destination "sftp://host/srv" has a scheme that is not known (sftp:)'],
    ['S3://bucket', '--destination "S3://bucket" has a scheme that is not known (s3:)'],
    ['file://host/srv', '--destination "file://host/srv" is on another computer ("host")'],
    ['file:out', '--destination "file:out" is not the URL of a folder'],
    ['file:///a%2Fb', '--destination "file:///a%2Fb" is not the URL of a folder'],
    ['file://[/srv', '--destination "file://[/srv" is not the URL of a folder'],
    ['file:///srv?x', '--destination "file:///srv?x" has a query or a fragment'],
  ])('refuses %j', (text, message) => {
    expect(() => parseDestination(text)).toThrow(expect.objectContaining({ name: 'UsageError', message }))
  })
})
