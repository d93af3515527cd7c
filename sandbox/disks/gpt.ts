/**
 * A GUID partition table with one Linux partition, as cloud images have.
 *
 * Source: UEFI Specification 2.10, section 5 "GUID Partition Table (GPT) Disk Layout".
 */
import { crc32 } from 'node:zlib'

const SECTOR_BYTES = 512
const ENTRIES = 128
const ENTRY_BYTES = 128
const TABLE_SECTORS = ENTRIES * ENTRY_BYTES / SECTOR_BYTES
const LINUX_FILESYSTEM = '0FC63DAF-8483-4772-8E79-3D69D8477DE4'

/** The partition begins and ends this far from the disk's ends, in bytes. */
export const PARTITION_MARGIN_BYTES = 1024 * 1024

/** What to write where on a disk of `diskBytes` bytes so that it has one partition between the margins. */
export function partitionTable (diskBytes: number, diskGuid: string, partitionGuid: string): Array<{ offset: number, bytes: Buffer }> {
  const lastSector = diskBytes / SECTOR_BYTES - 1
  const margin = PARTITION_MARGIN_BYTES / SECTOR_BYTES
  const table = Buffer.alloc(ENTRIES * ENTRY_BYTES)
  guid(LINUX_FILESYSTEM).copy(table, 0)
  guid(partitionGuid).copy(table, 16)
  table.writeBigUInt64LE(BigInt(margin), 32)
  table.writeBigUInt64LE(BigInt(lastSector - margin), 40)
  table.write('root', 56, 'utf16le')

  const header = (own: number, other: number, tableAt: number): Buffer => {
    const bytes = Buffer.alloc(SECTOR_BYTES)
    bytes.write('EFI PART', 0, 'latin1')
    bytes.writeUInt32LE(0x00010000, 8)
    bytes.writeUInt32LE(92, 12)
    bytes.writeBigUInt64LE(BigInt(own), 24)
    bytes.writeBigUInt64LE(BigInt(other), 32)
    bytes.writeBigUInt64LE(BigInt(2 + TABLE_SECTORS), 40)
    bytes.writeBigUInt64LE(BigInt(lastSector - TABLE_SECTORS - 1), 48)
    guid(diskGuid).copy(bytes, 56)
    bytes.writeBigUInt64LE(BigInt(tableAt), 72)
    bytes.writeUInt32LE(ENTRIES, 80)
    bytes.writeUInt32LE(ENTRY_BYTES, 84)
    bytes.writeUInt32LE(crc32(table), 88)
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 16)
    return bytes
  }
  const backupTable = lastSector - TABLE_SECTORS
  return [
    { offset: 0, bytes: protectiveRecord(lastSector) },
    { offset: SECTOR_BYTES, bytes: header(1, lastSector, 2) },
    { offset: 2 * SECTOR_BYTES, bytes: table },
    { offset: backupTable * SECTOR_BYTES, bytes: table },
    { offset: lastSector * SECTOR_BYTES, bytes: header(lastSector, 1, backupTable) }
  ]
}

/** The master boot record that tells programs without GPT that the disk is taken. */
function protectiveRecord (lastSector: number): Buffer {
  const bytes = Buffer.alloc(SECTOR_BYTES)
  bytes.writeUInt8(0xee, 446 + 4)
  bytes.writeUInt32LE(1, 446 + 8)
  bytes.writeUInt32LE(Math.min(lastSector, 0xffffffff), 446 + 12)
  bytes.writeUInt16LE(0xaa55, 510)
  return bytes
}

/** A GUID's 16 bytes: its first three groups are little-endian. */
function guid (text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex')
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}
