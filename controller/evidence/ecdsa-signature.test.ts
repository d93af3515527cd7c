import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { joseSignature } from './ecdsa-signature.ts'

/** r and s as DER has them: short when they begin with zeros, one longer when they begin with a high bit. */
function der (r: number[], s: number[]): Uint8Array {
  return Uint8Array.from([0x30, r.length + s.length + 4, 0x02, r.length, ...r, 0x02, s.length, ...s])
}

describe('an ECDSA signature of KMS', () => {
  for (const [curve, hash, size] of [['P-256', 'sha256', 32], ['P-384', 'sha384', 48]] as const) {
    it(`on ${curve} is one that JOSE accepts, whatever its numbers begin with`, () => {
      const pair = generateKeyPairSync('ec', { namedCurve: curve, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
      const [privateKey, publicKey] = [createPrivateKey(pair.privateKey), createPublicKey(pair.publicKey)]
      // Enough of them that some begin with a zero byte: one in 128 does.
      const lengths = new Set<number>()
      for (let count = 0; count < 600; count++) {
        const text = Buffer.from(`message ${count}`)
        const signature = sign(hash, text, privateKey)
        lengths.add(signature.length)
        const raw = joseSignature(signature, size)
        assert.equal(raw.length, 2 * size)
        assert.ok(verify(hash, text, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw))
      }
      assert.ok(lengths.size > 2)
    })
  }

  it('keeps its zeros in front', () => {
    assert.deepEqual([...joseSignature(der([1], [0, 0x80]), 2)], [0, 1, 0, 0x80])
  })

  it('is refused when it is cut, padded or too large for its curve', () => {
    const whole = der([1], [2])
    assert.throws(() => joseSignature(whole.subarray(0, -1), 2), RangeError)
    assert.throws(() => joseSignature(Uint8Array.from([...whole, 0]), 2), RangeError)
    assert.throws(() => joseSignature(der([1, 1, 1], [2]), 2), RangeError)
    assert.throws(() => joseSignature(der([0], [2]), 2), RangeError)
    assert.throws(() => joseSignature(new Uint8Array(), 2), RangeError)
  })
})
