/**
 * Signs with the baseline's asymmetric KMS key: the private part never leaves KMS, anyone can verify.
 */
import { createHash, createPublicKey, type JsonWebKey } from 'node:crypto'
import { GetPublicKeyCommand, SignCommand, type KMSClient, type SigningAlgorithmSpec } from '@aws-sdk/client-kms'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { attempt } from '../aws/aws-errors.ts'
import { CleanroomError } from '../incident/errors.ts'
import { joseSignature } from './ecdsa-signature.ts'

interface Algorithm {
  /** RFC 7518, section 3.1. */
  jose: 'ES256' | 'ES384'
  kms: SigningAlgorithmSpec
  hash: 'sha256' | 'sha384'
  /** Bytes of each half of the signature. */
  size: number
}

const ALGORITHMS: Partial<Record<string, Algorithm>> = {
  ECC_NIST_P256: { jose: 'ES256', kms: 'ECDSA_SHA_256', hash: 'sha256', size: 32 },
  ECC_NIST_P384: { jose: 'ES384', kms: 'ECDSA_SHA_384', hash: 'sha384', size: 48 }
}

export interface PublicKey {
  algorithm: Algorithm
  jwk: JWK
}

export class ManifestSigner {
  readonly #kms: KMSClient
  readonly #keyArn: string
  #publicKey: Promise<PublicKey> | undefined

  constructor (kms: KMSClient, keyArn: string) {
    this.#kms = kms
    this.#keyArn = keyArn
  }

  /** The public half, with the RFC 7638 thumbprint as `kid`. @throws CleanroomError AWS_*, BASELINE_MISSING for another kind of key */
  async publicKey (): Promise<PublicKey> {
    this.#publicKey ??= this.#read().catch((error: unknown) => {
      this.#publicKey = undefined
      throw error
    })
    return await this.#publicKey
  }

  /** The signature in JOSE's form. */
  async sign (text: string): Promise<Buffer> {
    const { algorithm: { kms, hash, size } } = await this.publicKey()
    return await attempt('signing the manifest', async () => {
      const { Signature } = await this.#kms.send(new SignCommand({
        KeyId: this.#keyArn,
        // KMS takes messages up to 4,096 bytes, digests of any.
        MessageType: 'DIGEST',
        Message: createHash(hash).update(text).digest(),
        SigningAlgorithm: kms
      }))
      return joseSignature(Signature!, size)
    })
  }

  async #read (): Promise<PublicKey> {
    const { KeySpec, PublicKey: der } = await attempt('reading the signing key', () => this.#kms.send(new GetPublicKeyCommand({ KeyId: this.#keyArn })))
    const algorithm = ALGORITHMS[KeySpec ?? '']
    if (!algorithm || !der) throw new CleanroomError('BASELINE_MISSING', `The signing key is ${KeySpec ?? 'of no known kind'}; it must be one of ${Object.keys(ALGORITHMS).join(', ')}.`)
    const jwk: JsonWebKey = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' }).export({ format: 'jwk' })
    return { algorithm, jwk: { ...jwk as JWK, alg: algorithm.jose, use: 'sig', kid: await calculateJwkThumbprint(jwk as JWK) } }
  }
}
