import { expect, test } from 'vitest'
import { ipxeProblem } from '../src/ipxe-url.ts'
import { ipxeUrls } from './helpers/ipxe-urls.ts'

test.each(ipxeUrls('192.0.2.7', 8080).map(({ url, problem }) => [url, problem]))('%s', (url, problem) => {
  if (problem === undefined) expect(ipxeProblem(url)).toBeUndefined()
  else expect(ipxeProblem(url)).toMatch(problem)
})
