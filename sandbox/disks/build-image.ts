/**
 * Disk images for the sandbox's volumes: the same trees give the same bytes, as any user, without a mount.
 *
 * mke2fs makes an empty file system and debugfs fills it (both from e2fsprogs) in sorted order; `mke2fs -d`
 * would take the order of the host's directories, and the owners of whoever checked the trees out.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, open, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onPath, toolchain } from '../toolchain/paths.mjs'
import { partitionTable, PARTITION_MARGIN_BYTES } from './gpt.ts'
import { contentOf, imageContents, type ImageEntry } from './image-contents.ts'
import type { ImageSpec } from './image-spec.ts'

const MIB = 1024 * 1024
/** Changes when the same spec comes to mean other bytes, so that cached images are made anew. */
const FORMAT = 1
/** When the file system itself says that it was made, in seconds since 1970: a fixed time, for equal bytes. */
const MADE_AT = 1_767_225_600
const SYSTEM_DIRECTORIES = ['/sbin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/opt/e2fsprogs/sbin', '/usr/local/opt/e2fsprogs/sbin']

/**
 * The path of an image with these contents, made now or found in the cache. Never write to it: copy it.
 * @throws Error when e2fsprogs is missing, or the contents don't fit or can't be written
 */
export async function buildImage (spec: ImageSpec, cacheDir = toolchain().cacheDir): Promise<string> {
  const contents = imageContents(spec)
  const identity = identityOf(spec, contents)
  const directory = join(cacheDir, 'disks')
  const image = join(directory, `${identity.slice(0, 32)}.img`)
  if (await stat(image).catch(() => undefined)) return image

  await mkdir(directory, { recursive: true })
  const work = await mkdtemp(join(directory, 'making-'))
  try {
    const unfinished = join(work, 'disk.img')
    await makeImage(unfinished, work, spec, contents, identity)
    await rename(unfinished, image)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return image
}

async function makeImage (image: string, work: string, spec: ImageSpec, contents: ImageEntry[], identity: string): Promise<void> {
  const offset = spec.partition === 'gpt' ? PARTITION_MARGIN_BYTES : 0
  const kib = spec.sizeMiB * 1024 - 2 * offset / 1024
  const uuid = uuidFrom(identity)
  await writeFile(image, '')
  await truncate(image, spec.sizeMiB * MIB)
  await run('mke2fs', [
    '-q', '-F', '-t', spec.filesystem, '-m', '0', '-U', uuid, '-L', spec.label ?? '', '-I', '256',
    '-E', `offset=${offset},hash_seed=${uuid},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0`, image, `${kib}k`
  ])
  const script = join(work, 'debugfs')
  await writeFile(script, await fillingScript(contents, work))
  await run('debugfs', ['-w', '-f', script, offset > 0 ? `${image}?offset=${offset}` : image])
  if (offset > 0) await writeAt(image, partitionTable(spec.sizeMiB * MIB, uuidFrom(`${identity}disk`), uuidFrom(`${identity}part`)))
}

/** debugfs commands that write every entry and then say what belongs to it. */
async function fillingScript (contents: ImageEntry[], work: string): Promise<string> {
  const lines: string[] = []
  for (const [index, entry] of contents.entries()) {
    const cut = entry.path.lastIndexOf('/')
    const name = entry.path.slice(cut + 1)
    lines.push(`cd "${entry.path.slice(0, cut) || '/'}"`)
    if (entry.kind === 'directory') {
      // mke2fs made this one itself.
      if (entry.path !== '/lost+found') lines.push(`mkdir "${name}"`)
    } else if (entry.kind === 'link') {
      lines.push(`symlink "${name}" "${entry.to}"`)
    } else {
      const source = 'source' in entry ? entry.source : join(work, `text-${index}`)
      if ('bytes' in entry) await writeFile(source, entry.bytes)
      lines.push(`write "${source}" "${name}"`)
    }
  }
  // Last, since writing into a directory changes its time.
  return [...lines, ...contents.flatMap(attributeCommands)].join('\n') + '\n'
}

const TYPE_BITS = { directory: 0o040000, file: 0o100000, link: 0o120000 } as const

function attributeCommands (entry: ImageEntry): string[] {
  const values: Array<[field: string, value: string]> = [
    ['mode', `0${(TYPE_BITS[entry.kind] | entry.mode).toString(8)}`],
    ['uid', `${entry.uid}`],
    ['gid', `${entry.gid}`],
    ...['atime', 'mtime', 'ctime', 'crtime'].map((field): [string, string] => [field, `@${entry.modifiedSeconds}`])
  ]
  return values.map(([field, value]) => `set_inode_field "${entry.path}" ${field} ${value}`)
}

/** Runs a tool of e2fsprogs. debugfs ends with 0 whatever failed: any word on standard error counts. */
async function run (tool: string, args: string[]): Promise<void> {
  const path = onPath(tool, { also: SYSTEM_DIRECTORIES })
  if (!path) throw new Error(`${tool} is needed to make disk images and is not installed: install e2fsprogs`)
  const child = spawn(path, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC', E2FSPROGS_FAKE_TIME: `${MADE_AT}`, SOURCE_DATE_EPOCH: `${MADE_AT}` }
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { words += chunk })
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const complaints = words.split('\n').filter((line) => line.trim() && !/^(mke2fs|debugfs) \d/.test(line))
  if (code !== 0 || complaints.length > 0) throw new Error(`${tool} failed: ${complaints.slice(0, 5).join('; ')}`)
}

async function writeAt (image: string, pieces: Array<{ offset: number, bytes: Buffer }>): Promise<void> {
  const file = await open(image, 'r+')
  try {
    for (const { offset, bytes } of pieces) await file.write(bytes, 0, bytes.length, offset)
  } finally {
    await file.close()
  }
}

/** Stands for everything that makes a difference to the image's bytes. */
function identityOf (spec: ImageSpec, contents: ImageEntry[]): string {
  const hash = createHash('sha256')
  const { sizeMiB, filesystem, partition = 'none', label = '' } = spec
  hash.update(JSON.stringify([FORMAT, sizeMiB, filesystem, partition, label]))
  for (const entry of contents) {
    const { path, mode, uid, gid, modifiedSeconds, kind } = entry
    const content = entry.kind === 'link' ? entry.to : entry.kind === 'file' ? createHash('sha256').update(contentOf(entry)).digest('hex') : ''
    hash.update(JSON.stringify([path, kind, mode, uid, gid, modifiedSeconds, content]))
  }
  return hash.digest('hex')
}

/** A version 8 UUID (RFC 9562) of the text's hash. */
function uuidFrom (text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-')
}
