// Finds the handler for a method and a path.
import { type LabAnswer, notFound, refuse } from './answer.ts'
import type { ApiRequest, Handler } from './request.ts'

/** A request with the parameters that the braces of the route's pattern matched, in order. */
export interface RoutedRequest extends ApiRequest {
  readonly parameters: readonly string[]
}

/** Methods and a path pattern, `GET /devices/{id}`, with their handler. */
export type Route = readonly [pattern: string, handle: (request: RoutedRequest) => LabAnswer | Promise<LabAnswer>]

/**
 * Creates a handler from routes. It answers 404 if no pattern matches the path, 405 if one does but not with this method.
 * `/{rest*}` at the end matches any number of levels, including none. HEAD is answered like GET. Several methods are separated by a
 * bar, `PUT|PATCH /devices/{id}`.
 */
export function createRouter(
  routes: readonly Route[],
  words: { notFound: LabAnswer; refuse: typeof refuse } = { notFound, refuse },
): Handler<LabAnswer> {
  const table = routes.map(([pattern, handle]) => {
    const [methods = '', path = ''] = pattern.split(' ')
    return {
      methods: methods.split('|'),
      path: new RegExp(
        `^${path
          .replaceAll(/[.]/g, '\\.')
          .replaceAll(/\/\{\w+\*\}/g, '(?:/(.*))?')
          .replaceAll(/\{\w+\}/g, '([^/]+)')}$`,
      ),
      handle,
    }
  })
  return (request) => {
    const fitting = table.filter(({ path }) => path.test(request.path))
    if (fitting.length === 0) return words.notFound
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const route = fitting.find(({ methods }) => methods.includes(method))
    if (route === undefined) {
      return words.refuse(405, 'Method not allowed', { allow: fitting.flatMap(({ methods }) => methods).join(', ') })
    }
    return route.handle({ ...request, parameters: route.path.exec(request.path)?.slice(1) ?? [] })
  }
}
