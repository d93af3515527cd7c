import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildImage } from './build-image.ts'
import type { ImageSpec } from './image-spec.ts'

describe('disk images', () => {
  let directory: string
  let spec: ImageSpec

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cleanroom-disks-'))
    const tree = join(directory, 'tree')
    mkdirSync(join(tree, 'etc'), { recursive: true })
    writeFileSync(join(tree, 'etc', 'host name'), 'web1\n')
    symlinkSync('/dev/null', join(tree, 'history'))
    spec = {
      trees: [tree],
      sizeMiB: 8,
      filesystem: 'ext4',
      modified: '2026-01-02T03:04:05Z',
      files: [
        { path: '/etc/host name', mode: '4750', owner: '33:44' },
        { path: '/tmp', directory: true, mode: '1777' },
        { path: '/var/log/late', text: 'late\n', modified: '2026-02-03T04:05:06Z' }
      ]
    }
  })

  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  const build = (name: string, changed: Partial<ImageSpec> = {}): Promise<string> => buildImage({ ...spec, ...changed }, join(directory, name))
  const debugfs = (image: string, command: string): string =>
    execFileSync('debugfs', ['-R', command, image], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: `${process.env.PATH}:/sbin:/usr/sbin`, TZ: 'UTC' } })

  it('have the same bytes when made from the same trees, whenever and wherever', async () => {
    const first = await build('one')
    utimesSync(join(directory, 'tree', 'etc', 'host name'), 1, 1)
    assert.deepEqual(readFileSync(await build('two')), readFileSync(first))
  })

  it('carry modes, owners and times that a checkout can\'t keep', async () => {
    const image = await build('one')
    const listing = debugfs(image, 'stat "/etc/host name"')
    assert.match(listing, /Mode: {2}04750[^]*User: +33 +Group: +44/)
    assert.match(listing, /mtime:[^\n]*Jan {2}2 03:04:05 2026/)
    assert.match(debugfs(image, 'stat /tmp'), /Type: directory +Mode: {2}01777/)
    assert.match(debugfs(image, 'stat /var/log/late'), /mtime:[^\n]*Feb {2}3 04:05:06 2026/)
    assert.match(debugfs(image, 'stat /history'), /Type: symlink[^]*\/dev\/null/)
    assert.equal(debugfs(image, 'cat "/etc/host name"'), 'web1\n')
  })

  it('are sound file systems', async () => {
    for (const image of [await build('one'), await build('one', { filesystem: 'ext2' })]) {
      execFileSync('e2fsck', ['-fn', image], { stdio: 'pipe', env: { PATH: `${process.env.PATH}:/sbin:/usr/sbin` } })
    }
  })

  it('are found in the cache the second time, and made anew when a tree changes', async () => {
    const first = await build('one')
    assert.equal(await build('one'), first)
    writeFileSync(join(directory, 'tree', 'etc', 'host name'), 'web2\n')
    assert.notEqual(await build('one'), first)
  })

  it('can have a partition table, with the file system inside the partition', async () => {
    const image = readFileSync(await build('one', { partition: 'gpt' }))
    assert.equal(image.toString('latin1', 512, 520), 'EFI PART')
    assert.equal(image.readUInt16LE(1024 * 1024 + 1024 + 56), 0xef53)
  })

  it('lay later trees over earlier ones', async () => {
    const over = join(directory, 'over')
    mkdirSync(join(over, 'etc'), { recursive: true })
    writeFileSync(join(over, 'etc', 'host name'), 'other\n')
    assert.equal(debugfs(await build('one', { trees: [...spec.trees, over] }), 'cat "/etc/host name"'), 'other\n')
  })

  it('are refused when the table names a file that no tree has, or the contents don\'t fit', async () => {
    await assert.rejects(build('one', { files: [{ path: '/gone', mode: '600' }] }), /no such file in the trees: \/gone/)
    await assert.rejects(build('one', { sizeMiB: 8, files: [{ path: '/big', text: 'x'.repeat(9 << 20) }] }), /debugfs failed/)
  })
})
