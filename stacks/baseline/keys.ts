/**
 * The KMS keys: of evidence (vault, room disks), of signatures, of the rooms' state, of messages.
 * The policy is a resource of its own, so that a key which outlived its stack can be taken back as it is.
 */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Kept } from './kept.ts'
import { KEYS, type BaselineNames, type KeyName } from './names.ts'
import { KEY_POLICIES } from './policies/keys.ts'
import type { PolicyContext } from './policies/document.ts'
import { tags } from './tags.ts'

const KINDS: Record<KeyName, { description: string, args: Partial<aws.kms.KeyArgs> }> = {
  evidence: { description: 'Cleanroom: evidence vault and clean-room disks', args: { enableKeyRotation: true } },
  // P-384 with SHA-384 is ES384 of RFC 7518; asymmetric keys can't be rotated.
  signing: { description: 'Cleanroom: signatures of manifests', args: { keyUsage: 'SIGN_VERIFY', customerMasterKeySpec: 'ECC_NIST_P384' } },
  state: { description: 'Cleanroom: state and secrets of clean rooms', args: { enableKeyRotation: true } },
  messages: { description: 'Cleanroom: intake and notification topics', args: { enableKeyRotation: true } }
}

/** Keys without which evidence could not be read or its signatures checked. */
export const EVIDENCE_KEYS: KeyName[] = ['evidence', 'signing']

export class Keys extends pulumi.ComponentResource {
  readonly keys: Record<KeyName, aws.kms.Key>
  readonly aliases: Record<KeyName, aws.kms.Alias>

  constructor (name: string, { names, kept, keep }: { names: BaselineNames, kept: Kept, keep: boolean }, opts?: pulumi.ComponentResourceOptions) {
    super('cleanroom:baseline:Keys', name, {}, opts)
    const keys: Partial<Record<KeyName, aws.kms.Key>> = {}
    const aliases: Partial<Record<KeyName, aws.kms.Alias>> = {}
    for (const key of KEYS) {
      const options = { parent: this, retainOnDelete: EVIDENCE_KEYS.includes(key) && keep }
      const { description, args } = KINDS[key]
      keys[key] = new aws.kms.Key(`${key}-key`, { description, ...args, tags: tags(`${key}-key`) }, { ...options, import: kept.keys[key] })
      aliases[key] = new aws.kms.Alias(`${key}-key`, { name: names.alias(key), targetKeyId: keys[key].keyId }, {
        ...options, ...kept.keys[key] && { import: names.alias(key) }
      })
    }
    this.keys = keys as Record<KeyName, aws.kms.Key>
    this.aliases = aliases as Record<KeyName, aws.kms.Alias>
    this.registerOutputs({})
  }

  /** Sets each key's policy; afterwards, since policies name other keys. */
  govern (ctx: pulumi.Output<PolicyContext>, keep: boolean): void {
    for (const key of KEYS) {
      // Never taken back: to delete a key's policy is to hand the key to the whole account.
      const lasting = EVIDENCE_KEYS.includes(key) && keep ? { retainOnDelete: true } : { deletedWith: this.keys[key] }
      // eslint-disable-next-line no-new
      new aws.kms.KeyPolicy(`${key}-key`, {
        keyId: this.keys[key].keyId,
        policy: ctx.apply(known => JSON.stringify(KEY_POLICIES[key](known)))
      }, { parent: this, ...lasting })
    }
  }
}
