/**
 * What a disk image is to hold: trees of files from the checkout, and what a checkout can't keep of them.
 */
import { Type, type Static } from 'typebox'

/** What git forgets about a file, and files and directories that it can't hold at all. */
export const FileAttributes = Type.Object({
  path: Type.String({ pattern: '^/[^"\\n\\r]*[^/"\\n\\r]$', description: 'Full path in the image' }),
  mode: Type.Optional(Type.String({ pattern: '^[0-7]{3,4}$', description: 'Octal, as chmod takes it' })),
  owner: Type.Optional(Type.String({ pattern: '^\\d+:\\d+$', description: 'User id and group id' })),
  modified: Type.Optional(Type.String({ format: 'date-time' })),
  directory: Type.Optional(Type.Literal(true, { description: 'A directory that the trees have no file in' })),
  link: Type.Optional(Type.String({ pattern: '^[^"\\n\\r]+$', description: 'A symbolic link to this' })),
  text: Type.Optional(Type.String({ description: 'A file with this content' }))
}, { additionalProperties: false })
export type FileAttributes = Static<typeof FileAttributes>

export const Filesystem = Type.Enum(['ext4', 'ext3', 'ext2'])
export const Partition = Type.Enum(['none', 'gpt'])

export interface ImageSpec {
  /** Directories whose contents are laid over each other, the later over the earlier. */
  trees: string[]
  files?: FileAttributes[]
  sizeMiB: number
  filesystem: Static<typeof Filesystem>
  partition?: Static<typeof Partition>
  /** Volume label, at most 16 characters, as fstab may name it. */
  label?: string
  /** When everything that `files` gives no time was last modified; left out, each file keeps its own time. */
  modified?: string
}
