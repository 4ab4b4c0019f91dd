/** The studio: the files of its build under /. Where there is no build, a page that says how to make one. */
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { Readable } from 'node:stream'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { createRouter, type ServeEnv } from './context.js'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
}

/** Nothing but the studio's own files runs or is loaded, whatever a model or a document says. */
export const studioPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const missing = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Athanor</title></head><body>
<h1>Athanor</h1>
<p>The server is running, but its studio has not been built. In a clone of Athanor run <code>npm run build</code>, then load this page again.</p>
<p>The API is at <code>/v1</code>; <a href="/docs">/docs</a> is a page to try it.</p>
</body></html>
`

export function studioRoutes(folder: string): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  router.get('/*', async (c, next) => {
    const { path } = c.req
    if (path.startsWith('/api/') || path.startsWith('/v1/')) return next()
    const file = await findFile(folder, path)
    if (file === undefined) {
      if (path !== '/') return next()
      return c.html(missing, 200, { 'content-security-policy': studioPolicy })
    }
    const modified = new Date(file.mtimeMs).toUTCString()
    c.header('content-security-policy', studioPolicy)
    c.header('last-modified', modified)
    // Names of built files hold a hash of what is in them; the page itself is asked for again each time.
    c.header(
      'cache-control',
      path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    )
    if (c.req.header('if-modified-since') === modified) return c.body(null, 304)
    c.header('content-type', types[extname(file.path)] ?? 'application/octet-stream')
    c.header('content-length', String(file.size))
    if (c.req.method === 'HEAD') return c.body(null)
    return c.body(Readable.toWeb(createReadStream(file.path)) as ReadableStream)
  })
  return router
}

interface StaticFile {
  readonly path: string
  readonly size: number
  readonly mtimeMs: number
}

/** The file behind a path of a URL; undefined for none, and for what lies outside of the folder. */
async function findFile(folder: string, urlPath: string): Promise<StaticFile | undefined> {
  let name: string
  try {
    name = decodeURIComponent(urlPath === '/' ? '/index.html' : urlPath)
  } catch {
    return undefined
  }
  if (/[\0\\]/.test(name) || name.split('/').some((part) => part.startsWith('.'))) return undefined
  try {
    // A link inside the folder must not lead out of it.
    const [root, path] = await Promise.all([realpath(folder), realpath(join(folder, name))])
    const info = await stat(path)
    if (!path.startsWith(root + sep) || !info.isFile()) return undefined
    return { path, size: info.size, mtimeMs: info.mtimeMs }
  } catch {
    return undefined
  }
}
