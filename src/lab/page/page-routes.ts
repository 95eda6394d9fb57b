// The page's files. They hold no secret: who opens the page brings the token along.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getAsset, isSea } from 'node:sea'

import { type Answer, refuse } from '../api/answer.ts'
import type { Handler } from '../api/request.ts'
import { createRouter, type Route } from '../api/router.ts'
import { isOwnHost, pageHeaders } from './guard.ts'

const files = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page/app.js', 'app.js', 'text/javascript; charset=utf-8'],
  ['/page/app.css', 'app.css', 'text/css; charset=utf-8'],
] as const

/** Whether a path is the page's. */
export function isPagePath(path: string): boolean {
  return path === '/' || path.startsWith('/page/')
}

/** A file of the page: in the folder, or within the program where that is a single executable. */
async function readPart(folder: string, name: string): Promise<string> {
  return isSea() ? getAsset(name, 'utf8') : await readFile(join(folder, name), 'utf8')
}

/** Answers for the page from the folder that the build made; each file is read when it is asked for. */
export function createPageHandler(folder: string): Handler<Answer> {
  const routes = files.map(([path, name, type]): Route => [
    `GET ${path}`,
    async () => ({
      status: 200,
      text: await readPart(folder, name),
      headers: { ...pageHeaders, 'content-type': type },
    }),
  ])
  const next = createRouter(routes)
  return (request) =>
    isOwnHost(request.headers.host) ? next(request) : refuse(421, 'This page has no such name', { ...pageHeaders })
}
