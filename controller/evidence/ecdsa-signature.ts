/**
 * The two ways to write an ECDSA signature: KMS answers ASN.1 DER (X9.62), JOSE wants r and s side by side
 * at full length (RFC 7518, section 3.4).
 */

const SEQUENCE = 0x30
const INTEGER = 0x02

/** @param size bytes of r and of s: 32 for ES256, 48 for ES384. @throws RangeError when it is no such signature */
export function joseSignature (der: Uint8Array, size: number): Buffer {
  const sequence = readValue(der, 0, SEQUENCE)
  const r = readValue(sequence.value, 0, INTEGER)
  const s = readValue(sequence.value, r.end, INTEGER)
  if (sequence.end !== der.length || s.end !== sequence.value.length) throw new RangeError('bytes are left over after the signature')
  return Buffer.concat([fixedLength(r.value, size), fixedLength(s.value, size)])
}

function readValue (der: Uint8Array, at: number, tag: number): { value: Uint8Array, end: number } {
  if (der[at] !== tag) throw new RangeError(`no ASN.1 tag ${tag} at ${at}`)
  // A signature of these curves is shorter than 128 bytes, whose length is one byte.
  const length = der[at + 1] ?? 0x80
  const end = at + 2 + length
  if (length >= 0x80 || end > der.length) throw new RangeError(`no ASN.1 length at ${at + 1}`)
  return { value: der.subarray(at + 2, end), end }
}

/** Without the zero that DER puts before a high bit, with the zeros that it leaves out. */
function fixedLength (integer: Uint8Array, size: number): Buffer {
  const significant = integer.subarray(integer.findIndex((byte) => byte !== 0))
  if (integer.every((byte) => byte === 0) || significant.length > size) throw new RangeError(`not an integer of at most ${size} bytes`)
  return Buffer.concat([Buffer.alloc(size - significant.length), significant])
}
