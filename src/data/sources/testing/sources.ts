import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import {
  type OpenSourceOptions,
  openSource,
  type Skip,
  type SourceDocument,
  type SourceSpec,
} from '../index.js'

/** A folder of its own for each test. */
export async function createFolder(): Promise<{
  dir: string
  put(name: string, content: string | Uint8Array): Promise<string>
  remove(): Promise<void>
}> {
  const dir = await mkdtemp(join(tmpdir(), 'athanor-sources-'))
  return {
    dir,
    put: async (name, content) => {
      await mkdir(dirname(join(dir, name)), { recursive: true })
      await writeFile(join(dir, name), content)
      return join(dir, name)
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  }
}

/** All documents and all skips of a source. */
export async function collect(
  spec: SourceSpec,
  options: OpenSourceOptions = {},
): Promise<{ documents: SourceDocument[]; skips: Skip[]; texts: string[] }> {
  const documents: SourceDocument[] = []
  const skips: Skip[] = []
  const onSkip = (skip: Skip) => {
    skips.push(skip)
    options.onSkip?.(skip)
  }
  for await (const document of openSource(spec, { ...options, onSkip })) documents.push(document)
  return { documents, skips, texts: documents.map(({ text }) => text) }
}

/** Goes on after every single document, and sees whether the rest is the same each time. */
export async function resumeEverywhere(spec: SourceSpec): Promise<{ whole: string[]; resumed: string[][] }> {
  const { documents } = await collect(spec)
  const resumed: string[][] = []
  for (const { position } of documents) {
    resumed.push((await collect(spec, { after: position })).documents.map(({ id }) => id))
  }
  return { whole: documents.map(({ id }) => id), resumed }
}

export interface PackedEntry {
  readonly name: string
  readonly content?: string | Uint8Array
  /** Mode of Unix with the kind of file: 0o120777 is a link. */
  readonly mode?: number
  readonly encrypted?: boolean
  /** Written in place of the true one. */
  readonly crc?: number
}

/** A zip archive (PKWARE APPNOTE), written with as little as the format allows, so that it can be made hostile. */
export function zip(entries: readonly PackedEntry[]): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, content = '', mode = 0o100644, encrypted = false, crc } of entries) {
    const bytes = Buffer.from(content as string)
    const packed = deflateRawSync(bytes)
    const label = Buffer.from(name)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(encrypted ? 0x801 : 0x800, 2)
    fields.writeUInt16LE(8, 4)
    fields.writeUInt32LE(crc ?? crc32(bytes), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(bytes.length, 18)
    fields.writeUInt16LE(label.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, label, packed])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE((mode << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    const made = Buffer.from([20, 3])
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), made, fields, tail, label]))
    locals.push(local)
    offset += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, central, end])
}

/** A tar archive (POSIX ustar). */
export function tar(
  entries: readonly {
    name: string
    content?: string | Uint8Array
    type?: string
    size?: number
    link?: string
  }[],
): Buffer {
  const parts: Buffer[] = []
  for (const { name, content = '', type = '0', size, link = '' } of entries) {
    const bytes = Buffer.from(content as string)
    const header = Buffer.alloc(512)
    header.write(name, 0, 100)
    header.write('0000644\0', 100)
    header.write(`${(size ?? bytes.length).toString(8).padStart(11, '0')}\0`, 124)
    header.write('00000000000\0', 136)
    header.write('        ', 148)
    header.write(type, 156)
    header.write(link, 157, 100)
    header.write('ustar\x0000', 257)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    parts.push(header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512))
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

/** A WARC record; `length` is written in place of the true one. */
export function warcRecord(
  type: string,
  headers: Record<string, string>,
  body: string | Uint8Array,
  length = Buffer.from(body as string).length,
): Buffer {
  const lines = Object.entries({ 'WARC-Type': type, ...headers, 'Content-Length': String(length) })
  const head = `WARC/1.0\r\n${lines.map(([key, value]) => `${key}: ${value}\r\n`).join('')}\r\n`
  return Buffer.concat([Buffer.from(head), Buffer.from(body as string), Buffer.from('\r\n\r\n')])
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A server on a loopback address, which notes what it was asked for and when. */
export async function serve(
  handler: Handler,
  host = '127.0.0.1',
): Promise<{ url: string; asked: string[]; times: number[]; close(): Promise<void> }> {
  const asked: string[] = []
  const times: number[] = []
  const server = createServer((request, response) => {
    asked.push(request.url!)
    times.push(performance.now())
    handler(request, response)
  })
  await new Promise<void>((done) => server.listen(0, host, done))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${host}:${port}`,
    asked,
    times,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
}
