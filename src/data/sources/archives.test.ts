import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect, createFolder, resumeEverywhere, tar, zip } from './testing/sources.js'

let folder: Awaited<ReturnType<typeof createFolder>>
beforeEach(async () => {
  folder = await createFolder()
})
afterEach(() => folder.remove())

const run = promisify(execFile)
const hasTar = await run('tar', ['--version']).then(
  ({ stdout }) => stdout.includes('GNU'),
  () => false,
)
const summary = (skips: { file: string; code: string; reason: string }[]) =>
  skips.map(({ file, code, reason }) => `${file.split('/').slice(-1)} ${code}: ${reason}`)

describe.each([
  ['zip', (entries: { name: string; content?: string | Uint8Array }[]) => zip(entries)],
  ['tar', (entries: { name: string; content?: string | Uint8Array }[]) => tar(entries)],
  ['tar.gz', (entries: { name: string; content?: string | Uint8Array }[]) => gzipSync(tar(entries))],
])('%s', (kind, pack) => {
  it('reads entries of all kinds, and archives in it', async () => {
    const inner = zip([{ name: 'deep.txt', content: 'deep' }])
    const path = await folder.put(
      `a.${kind}`,
      pack([
        { name: 'a.txt', content: 'one' },
        { name: 'dir/', content: '' },
        { name: 'dir/b.jsonl', content: '{"text":"two"}\n{\n{"text":"three"}\n' },
        { name: 'dir/c.csv.gz', content: gzipSync('text\nfour\n') },
        { name: 'dir/d.zip', content: inner },
        { name: 'dir/e.tgz', content: gzipSync(tar([{ name: 'f.md', content: 'six' }])) },
        { name: 'picture.png', content: 'x' },
        { name: 'page', content: '<!doctype html><p>seven' },
        { name: '.hidden.txt', content: 'no' },
        { name: '__MACOSX/a.txt', content: 'no' },
        { name: 'z.txt', content: '层' },
      ]),
    )
    const { texts, skips } = await collect(path)
    expect(texts).toEqual(['one', 'two', 'three', 'four', 'deep', 'six', 'seven', '层'])
    expect(skips.map(({ where, code }) => `${where} ${code}`)).toEqual(['line 2 malformed', ' unsupported'])
    const { whole, resumed } = await resumeEverywhere(path)
    resumed.forEach((rest, index) => {
      expect(rest).toEqual(whole.slice(index + 1))
    })
  })

  it('refuses paths that climb out, and counts them', async () => {
    const names = ['../up.txt', 'a/../../up.txt', '/root.txt', 'C:/windows.txt', 'good..txt']
    const path = await folder.put(`a.${kind}`, pack(names.map((name) => ({ name, content: name }))))
    const { texts, skips } = await collect(path)
    expect(texts).toEqual(['good..txt'])
    expect(skips.map(({ code }) => code)).toEqual(Array(4).fill('unsafe'))
  })

  it('says when it is damaged, and keeps what was before', async () => {
    const noise = Buffer.from(Array.from({ length: 40_000 }, (_, i) => 97 + ((i * i * 31 + (i >> 3)) % 26)))
    const bytes = pack([
      { name: 'a.txt', content: 'one' },
      { name: 'b.txt', content: noise },
    ])
    await folder.put('ok.txt', 'other')
    await folder.put(`a.${kind}`, bytes.subarray(0, Math.floor(bytes.length * 0.6)))
    const { texts, skips } = await collect(folder.dir)
    expect(texts).toEqual(kind === 'zip' ? ['other'] : ['one', 'other'])
    expect(skips).toMatchObject([{ code: 'malformed' }])
  })

  it('bounds entries and depth', async () => {
    const many = await folder.put(
      `a.${kind}`,
      pack(Array.from({ length: 30 }, (_, i) => ({ name: `${i}.txt`, content: `${i}` }))),
    )
    const found = await collect({ path: many, limits: { entries: 20 } })
    expect(found.texts).toHaveLength(20)
    expect(summary(found.skips)).toEqual([
      `a.${kind === 'tar.gz' ? 'tar' : kind} unsafe: it has more than 20 entries (limits.entries)`,
    ])
    let nested: Buffer = pack([{ name: 'a.txt', content: 'bottom' }])
    for (let i = 0; i < 6; i++)
      nested = pack([
        { name: `n.${kind}`, content: nested },
        { name: 'b.txt', content: `${i}` },
      ])
    const deep = await collect(await folder.put(`deep.${kind}`, nested))
    expect(deep.texts).not.toContain('bottom')
    expect(deep.skips).toMatchObject([{ code: 'unsafe', reason: expect.stringMatching(/deep/) }])
  })
})

describe('bombs', () => {
  const line = `{"text":"${'x'.repeat(65_525)}"}\n`
  const zeros = Buffer.alloc(150 << 20, line)

  it.each([
    ['gzip', 'a.jsonl.gz', () => gzipSync(zeros)],
    [
      'zip',
      'a.zip',
      () =>
        zip([
          { name: 'a.jsonl', content: zeros },
          { name: 'b.txt', content: 'never reached' },
        ]),
    ],
    [
      'zip in zip',
      'a.zip',
      () =>
        zip([
          { name: 'b.zip', content: zip([{ name: 'a.jsonl', content: zeros }]) },
          { name: 'c.txt', content: 'never reached' },
        ]),
    ],
    [
      'zip with a wide entry',
      'a.zip',
      () =>
        zip(
          Array.from({ length: 6 }, (_, i) => ({
            name: `${i}.jsonl`,
            content: zeros.subarray(0, 450 * line.length),
          })),
        ),
    ],
  ])('ends a %s bomb by its ratio', async (_, name, make) => {
    await folder.put(name, make())
    await folder.put('z.txt', 'other')
    const { skips, texts } = await collect(folder.dir)
    expect(texts.at(-1)).toBe('other')
    expect(texts).not.toContain('never reached')
    expect(skips).toMatchObject([{ code: 'unsafe', reason: expect.stringMatching(/limits.ratio/) }])
  })

  it('bounds the total', async () => {
    const path = await folder.put('a.txt.gz', gzipSync(Buffer.alloc(5000, 'word ')))
    await expect(collect({ path, limits: { bytes: 4000 } })).rejects.toThrow(/limits.bytes/)
  })
})

describe('zip', () => {
  it('ignores links, and skips what is encrypted or has a wrong checksum', async () => {
    const path = await folder.put(
      'a.zip',
      zip([
        { name: 'link.txt', content: '/etc/passwd', mode: 0o120777 },
        { name: 'secret.txt', content: 'x', encrypted: true },
        { name: 'wrong.txt', content: 'x', crc: 1 },
        { name: 'back\\slash.txt', content: 'windows' },
      ]),
    )
    const { documents, skips } = await collect(path)
    expect(documents.map(({ id, text }) => [id, text])).toEqual([['a.zip!/back/slash.txt', 'windows']])
    expect(summary(skips)).toEqual([
      'link.txt unsupported: a link within an archive is not followed',
      'secret.txt unreadable: it is encrypted',
      'wrong.txt malformed: its checksum is wrong',
    ])
  })

  it('says that it is none', async () => {
    await expect(collect(await folder.put('a.zip', 'PK nothing'))).rejects.toThrow(/zip: /)
    await expect(collect(await folder.put('a.zip', ''))).rejects.toThrow(/zip: /)
  })
})

describe('gzip', () => {
  it('reads several members, and says when it is cut short', async () => {
    const members = ['{"text":"a"}\n{"te', 'xt":"b"}\n', '{"text":"c"}\n'].map((text) => gzipSync(text))
    const path = await folder.put('a.jsonl.gz', Buffer.concat(members))
    expect((await collect(path)).texts).toEqual(['a', 'b', 'c'])
    await folder.put('a.jsonl.gz', Buffer.concat(members).subarray(0, -12))
    const cut = await collect(path)
    expect(cut.texts).toEqual(['a', 'b'])
    expect(cut.skips).toMatchObject([
      { code: 'malformed', reason: expect.stringMatching(/gzip: unexpected end/) },
    ])
    await folder.put('a.jsonl.gz', 'not gzip')
    await expect(collect(path)).rejects.toThrow(/gzip: incorrect header/)
  })
})

describe('tar', () => {
  it('ignores links and devices', async () => {
    const path = await folder.put(
      'a.tar',
      tar([
        { name: 'a.txt', type: '2', link: '/etc/passwd' },
        { name: 'b.txt', type: '1', link: '../x' },
        { name: 'c.txt', type: '3' },
        { name: 'd.txt', content: 'good' },
      ]),
    )
    const { texts, skips } = await collect(path)
    expect(texts).toEqual(['good'])
    expect(skips.map(({ code }) => code)).toEqual(Array(3).fill('unsupported'))
  })

  it('refuses sizes and headers that lie', async () => {
    const huge = tar([{ name: 'a.jsonl', content: '{"text":"x"}\n', size: 8 ** 11 - 1 }])
    const { texts, skips } = await collect(await folder.put('a.tar', huge))
    expect(texts).toEqual(['x'])
    expect(skips).toMatchObject([{ reason: expect.stringMatching(/archive ends in the entry/) }])
    const longName = tar([{ name: '././@LongLink', type: 'L', size: 8 ** 10 }])
    await expect(collect(await folder.put('a.tar', longName))).rejects.toThrow(
      /header of the archive is too long/,
    )
    const broken = tar([{ name: 'a.txt', content: 'x' }])
    broken[0] = 98
    await expect(collect(await folder.put('a.tar', broken))).rejects.toThrow(/wrong checksum/)
  })

  it.skipIf(!hasTar).each(['gnu', 'pax', 'ustar'])('reads what GNU tar writes: %s', async (format) => {
    const long = `${'folder-with-a-long-name/'.repeat(format === 'ustar' ? 5 : 9)}文.txt`
    await folder.put(`in/${long}`, 'long name')
    await folder.put('in/b.txt', 'x'.repeat(1025))
    const path = join(folder.dir, 'out.tar')
    await run('tar', ['--format', format, '--sort=name', '-cf', path, '-C', join(folder.dir, 'in'), '.'])
    const { documents } = await collect(path)
    expect(documents.map(({ id }) => id).sort()).toEqual([`out.tar!/./${long}`, 'out.tar!/./b.txt'].sort())
    expect(documents.map(({ text }) => text.length).sort()).toEqual([1025, 9])
    expect((await readFile(path)).length).toBeGreaterThan(0)
  })
})
