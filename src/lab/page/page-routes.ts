// The page's files. They contain no secret: the user who opens the page brings the token.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getAsset, isSea } from 'node:sea'

import type { CloudWords } from '../cloud/words.ts'
import { defaultName, nameFlag } from '../storage/running-labs.ts'
import { type LabAnswer, refuse } from '../web/answer.ts'
import type { Handler } from '../web/request.ts'
import { createRouter, type Route } from '../web/router.ts'
import { isOwnHost, pageHeaders } from './guard.ts'

const files = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page/app.js', 'app.js', 'text/javascript; charset=utf-8'],
  ['/page/app.css', 'app.css', 'text/css; charset=utf-8'],
] as const

function isPagePath(path: string): boolean {
  return path === '/' || path.startsWith('/page/')
}

/** What the page calls its server, and the name by which commands find it. */
interface PageNames {
  noun: 'lab' | 'rack'
  /** The face, whose name decides what the page shows of the API, and whose words it uses. */
  face: { name: string; words: CloudWords }
  name?: string | undefined
}

/** Completes the page's texts. */
function fillIn(html: string, { noun, face, name = defaultName }: PageNames): string {
  return html
    .replaceAll('%noun%', noun)
    .replaceAll('%face%', face.name)
    .replaceAll('%plan%', face.words.plan)
    .replaceAll('%place%', face.words.place)
    .replaceAll('%flag%', nameFlag(name))
}

/** Reads a file of the page: from the folder, or from the program if that is a single executable. */
async function readPart(folder: string, name: string): Promise<string> {
  return isSea() ? getAsset(name, 'utf8') : await readFile(join(folder, name), 'utf8')
}

/** Serves the page from the folder that the build made, and passes other requests on. It reads a file at each request. */
export function withPage(folder: string, names: PageNames, api: Handler<LabAnswer>): Handler<LabAnswer> {
  const routes = files.map(([path, name, type]): Route => [
    `GET ${path}`,
    async () => ({
      status: 200,
      text: name === 'index.html' ? fillIn(await readPart(folder, name), names) : await readPart(folder, name),
      headers: { ...pageHeaders, 'content-type': type },
    }),
  ])
  const page = createRouter(routes)
  return (request) => {
    if (!isPagePath(request.path)) return api(request)
    return isOwnHost(request.headers.host)
      ? page(request)
      : refuse(421, 'This page has no such name', { ...pageHeaders })
  }
}
