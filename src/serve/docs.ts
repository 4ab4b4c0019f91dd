/** GET /openapi.json, and /docs: a page to try the API, without anything from elsewhere. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { createRouter, type ServeContext, type ServeEnv } from './context.js'

const assets: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
}

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Athanor API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`
const start = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, tryItOutEnabled: true, validatorUrl: null })
`

/** Swagger UI sets styles of elements and draws small pictures that are in its style sheet; scripts come from here only. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** `app` is the one whose routes are described. */
export function docsRoutes(context: ServeContext, app: OpenAPIHono<ServeEnv>): OpenAPIHono<ServeEnv> {
  const router = createRouter()
  const folder = join(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'), '..')
  let text: string | undefined
  router.get('/openapi.json', (c) => {
    text ??= JSON.stringify(describeApi(context, app))
    return c.body(text, 200, { 'content-type': 'application/json' })
  })
  router.get('/docs', (c) => c.html(page, 200, { 'content-security-policy': policy }))
  router.get('/docs/start.js', (c) =>
    c.body(start, 200, { 'content-type': 'text/javascript; charset=utf-8' }),
  )
  for (const [name, type] of Object.entries(assets)) {
    router.get(`/docs/${name}`, async (c) =>
      c.body(await readFile(join(folder, name)), 200, {
        'content-type': type,
        'cache-control': 'max-age=3600',
      }),
    )
  }
  return router
}

export function describeApi({ version, config }: ServeContext, app: OpenAPIHono<ServeEnv>) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' })
  return app.getOpenAPI31Document(
    {
      openapi: '3.1.0',
      info: {
        title: 'Athanor',
        version,
        description:
          'An OpenAI-compatible server for models trained with Athanor, and the API of its studio. Errors have the form {"error": {message, type, param, code}}.',
      },
      servers: [{ url: config.publicUrl ?? '/' }],
      security: [{ key: [] }, {}],
    },
    { unionPreferredType: 'oneOf' },
  )
}
