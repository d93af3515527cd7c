/** mke2fs, which makes the sandbox's disk images from directory trees. It comes from the system. */
import { findMke2fs } from '../paths.mjs'

export const diskTools = {
  name: 'mke2fs',
  ready: () => findMke2fs() !== undefined,
  remedy: 'Install e2fsprogs: `apt-get install e2fsprogs`, `dnf install e2fsprogs`, `apk add e2fsprogs` or `brew install e2fsprogs`.',
  async make () {
    throw new Error('mke2fs is neither on PATH nor in the system\'s directories')
  }
}
