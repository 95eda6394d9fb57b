// Content types of the files that machines and people fetch. Nothing is guessed from the bytes.
import { extname } from 'node:path'

const text = 'text/plain; charset=utf-8'

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.htm': 'text/html; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ipxe': text,
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.log': text,
  '.md': text,
  '.mjs': 'text/javascript; charset=utf-8',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': text,
  '.wasm': 'application/wasm',
  '.xml': 'application/xml',
  '.yaml': text,
  '.yml': text,
}

/** The Content-Type of a file by its name; kernels, initrds and unknown files are bytes. */
export function mediaType(name: string): string {
  if (name.endsWith('-cmdline')) return text
  return types[extname(name).toLowerCase()] ?? 'application/octet-stream'
}
