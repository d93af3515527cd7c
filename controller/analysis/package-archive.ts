/**
 * Script packages: a directory with a manifest, shipped to a room as one archive known by its hash.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { zipSync, type Zippable } from 'fflate'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { CleanroomError } from '../incident/errors.ts'

export const PackageManifest = Type.Object({
  name: Type.String({ pattern: '^[a-z][a-z0-9-]*$' }),
  version: Type.String(),
  description: Type.Optional(Type.String()),
  reads: Type.Enum(['disk', 'memory']),
  timeBudgetSeconds: Type.Integer({ minimum: 1 }),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  tools: Type.Optional(Type.Unknown())
})
export type PackageManifest = Static<typeof PackageManifest>

export interface ScriptPackage { manifest: PackageManifest, archive: Buffer, sha256: string, key: string }

/**
 * Packs `directory/name` so that the same files give the same bytes, whatever machine packs them.
 * @throws CleanroomError NOT_FOUND when there is no such package, INVALID_REQUEST when its manifest is wrong
 */
export async function packPackage (directory: string, name: string): Promise<ScriptPackage> {
  const root = join(directory, name)
  let text: string
  try {
    text = await readFile(join(root, 'manifest.yaml'), 'utf8')
  } catch (error) {
    throw new CleanroomError('NOT_FOUND', `There is no analysis package "${name}".`, { cause: error })
  }
  const manifest: unknown = parse(text)
  if (!Value.Check(PackageManifest, manifest)) {
    const problems = [...Value.Errors(PackageManifest, manifest)].map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
    throw new CleanroomError('INVALID_REQUEST', `The manifest of "${name}" is not valid: ${problems.join('; ')}`)
  }
  const archive = Buffer.from(zipSync(await filesOf(root), { mtime: EARLIEST, level: 9 }))
  const sha256 = createHash('sha256').update(archive).digest('hex')
  return { manifest, archive, sha256, key: `packages/${manifest.name}/${manifest.version}/${sha256}.zip` }
}

/** The earliest time a zip can hold, in the local time it is written in: the same bytes everywhere. */
const EARLIEST = new Date(1980, 0, 1)

const LEFT_OUT = /(^|\/)(tests?|__pycache__|\.pytest_cache)(\/|$)|\.pyc$|(^|\/)test_[^/]*\.py$|(^|\/)conftest\.py$/

async function filesOf (root: string): Promise<Zippable> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((name) => !LEFT_OUT.test(name))
    .sort()
  const contents = await Promise.all(names.map((name) => readFile(join(root, name))))
  return Object.fromEntries(names.map((name, index) => [name, contents[index]!]))
}
