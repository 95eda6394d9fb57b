// `include` and `exclude`: whether a relation in an answer is given in full or only as `{href}`.
import { hrefOf } from './views/catalogue.ts'
import type { LabAnswer } from '../web/answer.ts'
import type { ApiRequest, Handler } from '../web/request.ts'

type Json = Record<string, unknown>

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How many levels of a dotted path are followed (specification: up to 3). */
const deepest = 3

/** The paths in a parameter: a comma-separated list, given once or several times, with or without brackets. */
export function parsePaths(query: URLSearchParams, name: string): string[][] {
  return [...query.getAll(name), ...query.getAll(`${name}[]`)]
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => text.split('.').slice(0, deepest))
}

/** The folders of relations that are given in full by default and so carry no href of their own. */
const homes: Readonly<Record<string, string>> = {
  plan: '/plans',
  operating_system: '/operating-systems',
  facility: '/facilities',
  metro: '/locations/metros',
}

/** Paths with a common beginning, merged into a tree. */
interface PathTree {
  [key: string]: PathTree
}

function reduceToHref(key: string, value: Json, rest: PathTree): Json {
  if (Object.keys(rest).length > 0) return value
  if (typeof value['href'] === 'string') return { href: value['href'] }
  const home = homes[key]
  return home === undefined || typeof value['id'] !== 'string' ? value : hrefOf(`${home}/${value['id']}`)
}

function joinPaths(paths: readonly string[][]): PathTree {
  const root: PathTree = Object.create(null)
  for (const path of paths) {
    let node = root
    for (const key of path) node = node[key] ??= Object.create(null)
  }
  return root
}

/** Applies `change` to each object on the tree's paths, from the outside in; a path goes through lists. */
function changeAlong(
  value: unknown,
  tree: PathTree,
  change: (key: string, relation: Json, rest: PathTree) => Json,
): unknown {
  if (Array.isArray(value)) return value.map((item) => changeAlong(item, tree, change))
  if (!isObject(value)) return value
  const changed = { ...value }
  for (const [key, rest] of Object.entries(tree)) {
    const changeOne = (item: unknown) => (isObject(item) ? changeAlong(change(key, item, rest), rest, change) : item)
    const relation = Object.hasOwn(value, key) ? value[key] : undefined
    if (relation !== undefined) changed[key] = Array.isArray(relation) ? relation.map(changeOne) : changeOne(relation)
  }
  return changed
}

/** The key of the list in an answer: the API's lists are objects that hold one list, and perhaps `meta`. */
function listKeyOf(json: Json): string | undefined {
  const [key, ...others] = Object.keys(json).filter((name) => name !== 'meta')
  return key !== undefined && others.length === 0 && Array.isArray(json[key]) ? key : undefined
}

/**
 * Replaces the relations that `include` names, on each level of their path, by the objects that `find` returns for their href,
 * and reduces the relations that `exclude` names to their href. Objects without an href stay as they are.
 */
export function shapeRelations(json: unknown, query: URLSearchParams, find: (href: string) => unknown): unknown {
  if (!isObject(json)) return json
  const expand = (_key: string, relation: Json): Json => {
    const whole = typeof relation['href'] === 'string' ? find(relation['href']) : undefined
    return isObject(whole) ? whole : relation
  }
  const shape = (root: unknown): unknown => {
    const included = changeAlong(root, joinPaths(parsePaths(query, 'include')), expand)
    return changeAlong(included, joinPaths(parsePaths(query, 'exclude')), reduceToHref)
  }
  const list = listKeyOf(json)
  return list === undefined ? shape(json) : { ...json, [list]: shape(json[list]) }
}

/** A layer that shapes the relations in successful answers. */
export function withRelations(
  find: (href: string, request: ApiRequest) => unknown,
  next: Handler<LabAnswer>,
): Handler<LabAnswer> {
  return async (request) => {
    const answer = await next(request)
    const asks = ['include', 'exclude', 'include[]', 'exclude[]'].some((name) => request.query.has(name))
    if (!asks || answer.status >= 300) return answer
    return { ...answer, json: shapeRelations(answer.json, request.query, (href) => find(href, request)) }
  }
}
