import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { studioRoutes } from './studio.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'athanor-studio-'))
  await mkdir(join(dir, 'studio', 'assets'), { recursive: true })
  await writeFile(join(dir, 'secret.txt'), 'secret')
  await writeFile(join(dir, 'studio', 'index.html'), '<!doctype html>studio')
  await writeFile(join(dir, 'studio', '.env'), 'secret')
  await writeFile(join(dir, 'studio', 'assets', 'main-abc.js'), 'run()')
  await symlink(join(dir, 'secret.txt'), join(dir, 'studio', 'link.txt'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const get = (path: string, headers: Record<string, string> = {}) =>
  studioRoutes(join(dir, 'studio')).request(path, { headers })

describe('the studio', () => {
  it('is its page and its files, under a policy that lets nothing else in', async () => {
    const page = await get('/')
    expect(await page.text()).toBe('<!doctype html>studio')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('cache-control')).toBe('no-cache')
    const policy = page.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    const script = await get('/assets/main-abc.js')
    expect(await script.text()).toBe('run()')
    expect(script.headers.get('cache-control')).toContain('immutable')
  })

  it('is not sent again where it has not changed', async () => {
    const modified = (await get('/')).headers.get('last-modified')!
    expect((await get('/', { 'if-modified-since': modified })).status).toBe(304)
  })

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/link.txt',
    '/.env',
    '/assets',
    '/%00',
    '/%ff',
    '/index.html%00.js',
  ])('has nothing at %s', async (path) => {
    const response = await get(path)
    expect(response.status).toBe(404)
    expect(await response.text()).not.toContain('secret\n')
  })

  it('tells how to build it where it is not there', async () => {
    const page = await studioRoutes(join(dir, 'none')).request('/')
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('npm run build')
  })
})
