/**
 * Trees and their attribute table as one sorted list of what goes into an image.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { FileAttributes, ImageSpec } from './image-spec.ts'

interface Attributes { path: string, mode: number, uid: number, gid: number, modifiedSeconds: number }

/** `source` is a file on this machine, `bytes` are content that the attribute table gives. */
export type ImageEntry = Attributes & (
  | { kind: 'directory' }
  | { kind: 'link', to: string }
  | { kind: 'file', source: string }
  | { kind: 'file', bytes: string }
)

/** What a checkout's umask makes of the two modes git knows. */
const CHECKOUT_MODES: Record<number, number> = { 0o664: 0o644, 0o775: 0o755 }

/**
 * Every entry of the image, parents before children.
 * @throws Error naming every path of the attribute table that is in no tree and says not what it is
 */
export function imageContents (spec: ImageSpec): ImageEntry[] {
  const entries = new Map<string, ImageEntry>()
  for (const tree of spec.trees) {
    for (const entry of treeEntries(tree, spec.modified)) entries.set(entry.path, entry)
  }
  const unknown: string[] = []
  for (const attributes of spec.files ?? []) {
    const entry = madeHere(attributes, spec.modified) ?? entries.get(attributes.path)
    if (!entry) unknown.push(attributes.path)
    else entries.set(attributes.path, withAttributes(entry, attributes))
  }
  if (unknown.length > 0) throw new Error(`no such file in the trees: ${unknown.join(', ')}`)
  addParents(entries, spec.modified)
  return [...entries.values()].sort((a, b) => compareDepthFirst(a.path, b.path))
}

/** The bytes of a file entry. */
export function contentOf (entry: ImageEntry & { kind: 'file' }): Buffer {
  return 'source' in entry ? readFileSync(entry.source) : Buffer.from(entry.bytes)
}

function treeEntries (tree: string, modified: string | undefined): ImageEntry[] {
  const entries: ImageEntry[] = []
  const visit = (directory: string, below: string): void => {
    for (const name of readdirSync(directory).sort()) {
      const source = join(directory, name)
      const path = `${below}/${name}`
      const stat = lstatSync(source)
      const mode = stat.mode & 0o7777
      const attributes = {
        path,
        mode: CHECKOUT_MODES[mode] ?? mode,
        // Who checked the tree out is not who owns the disk.
        uid: stat.uid === process.getuid?.() ? 0 : stat.uid,
        gid: stat.gid === process.getgid?.() ? 0 : stat.gid,
        modifiedSeconds: modified ? seconds(modified) : Math.floor(stat.mtimeMs / 1000)
      }
      if (stat.isDirectory()) {
        entries.push({ ...attributes, kind: 'directory' })
        visit(source, path)
      } else if (stat.isSymbolicLink()) {
        entries.push({ ...attributes, kind: 'link', to: readlinkSync(source) })
      } else if (stat.isFile()) {
        entries.push({ ...attributes, kind: 'file', source })
      }
    }
  }
  visit(tree, '')
  return entries
}

/** The entry that the table itself makes, with the modes a system would give it; undefined where a tree has it. */
function madeHere (made: FileAttributes, modified: string | undefined): ImageEntry | undefined {
  const common = { path: made.path, uid: 0, gid: 0, modifiedSeconds: modified ? seconds(modified) : 0 }
  if (made.directory) return { ...common, kind: 'directory', mode: 0o755 }
  if (made.link !== undefined) return { ...common, kind: 'link', to: made.link, mode: 0o777 }
  if (made.text !== undefined) return { ...common, kind: 'file', bytes: made.text, mode: 0o644 }
}

function withAttributes (entry: ImageEntry, { mode, owner, modified }: FileAttributes): ImageEntry {
  const [uid, gid] = owner?.split(':').map(Number) ?? []
  return {
    ...entry,
    mode: mode === undefined ? entry.mode : parseInt(mode, 8),
    uid: uid ?? entry.uid,
    gid: gid ?? entry.gid,
    modifiedSeconds: modified ? seconds(modified) : entry.modifiedSeconds
  }
}

function addParents (entries: Map<string, ImageEntry>, modified: string | undefined): void {
  for (const path of [...entries.keys()]) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end)
      if (entries.has(parent)) continue
      entries.set(parent, {
        kind: 'directory', path: parent, mode: 0o755, uid: 0, gid: 0, modifiedSeconds: modified ? seconds(modified) : 0
      })
    }
  }
}

/** By name within a directory, a directory before what is in it. */
function compareDepthFirst (a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')]
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]! < right[i]! ? -1 : 1
  }
  return left.length - right.length
}

function seconds (time: string): number {
  return Math.floor(Date.parse(time) / 1000)
}
