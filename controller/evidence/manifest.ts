/**
 * The manifest seals an incident's evidence: every artefact with its hash, and the head of the ledger,
 * signed as a JWS (RFC 7515) that any JOSE library verifies.
 *
 * Sealing may be repeated. A signature is random, so the first one of a manifest is kept in the ledger and
 * used again: the same evidence gives the same bytes. What sealing itself writes into the ledger is not
 * something new to seal.
 */
import { createHash } from 'node:crypto'
import type { KMSClient } from '@aws-sdk/client-kms'
import { base64url, compactVerify, decodeProtectedHeader, importJWK, type JWK } from 'jose'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import { controllerActor } from '../incident/custody.ts'
import { CleanroomError, messageOf } from '../incident/errors.ts'
import { Artifact, Severity, type Incident, type LedgerEntry } from '../incident/incident.ts'
import { canonicalJson } from './canonical-json.ts'
import { headOf, type LedgerHead } from './custody-ledger.ts'
import type { CustodyStore } from './custody-store.ts'
import type { EvidenceStore } from './evidence-store.ts'
import { ManifestSigner } from './manifest-signer.ts'

export const Manifest = Type.Object({
  type: Type.Literal('cleanroom-manifest'),
  version: Type.Literal(1),
  incident: Type.Object({
    id: Type.String(),
    ticket: Type.String(),
    severity: Severity,
    reason: Type.String(),
    openedBy: Type.String(),
    openedAt: Type.String(),
    targets: Type.Array(Type.Object({ instanceId: Type.String(), accountId: Type.String(), region: Type.String(), containment: Type.String() }))
  }),
  /** The entry up to which the ledger is sealed. */
  ledger: Type.Object({ seq: Type.Integer({ minimum: 1 }), hash: Type.String() }),
  artifacts: Type.Array(Artifact)
})
export type Manifest = Static<typeof Manifest>

const JWS_TYPE = 'cleanroom-manifest+jws'
const ACTOR = controllerActor('evidence')

/** What a manifest says; a pure function of the evidence, so that it can be made again. */
export function buildManifest (incident: Incident, artifacts: Artifact[], ledger: LedgerHead): Manifest {
  const { id, ticket, severity, reason, openedBy, openedAt } = incident
  return {
    type: 'cleanroom-manifest',
    version: 1,
    incident: {
      id,
      ticket,
      severity,
      reason,
      openedBy,
      openedAt,
      targets: incident.targets.map(({ instanceId, accountId, region, containment }) => ({ instanceId, accountId, region, containment: containment.state }))
    },
    ledger: { seq: ledger.seq, hash: ledger.hash },
    artifacts: artifacts.filter(({ kind }) => kind !== 'manifest')
  }
}

/**
 * The content of a manifest that the key signed.
 * @param key the public key as its owner gives it; the one in the JWS itself proves nothing but that it was not damaged
 * @throws CleanroomError EVIDENCE_ALTERED
 */
export async function verifyManifest (jws: string, key: JWK): Promise<Manifest> {
  try {
    const { payload, protectedHeader } = await compactVerify(jws, await importJWK(key, key.alg ?? 'ES384'), { algorithms: ['ES256', 'ES384'] })
    const manifest: unknown = JSON.parse(new TextDecoder().decode(payload))
    if (protectedHeader.typ !== JWS_TYPE || !Value.Check(Manifest, manifest)) throw new Error('it is no manifest')
    return manifest
  } catch (error) {
    throw new CleanroomError('EVIDENCE_ALTERED', `The manifest can't be trusted: ${messageOf(error)}`, { cause: error })
  }
}

/** The public key that a JWS names as its own, to be compared with what the key's owner says. */
export function keyInManifest (jws: string): JWK | undefined {
  return decodeProtectedHeader(jws).jwk
}

export interface ManifestParts {
  kms: KMSClient
  incidents: { get: (incidentId: string) => Promise<Incident> }
  custody: Pick<CustodyStore, 'append' | 'list'>
  evidence: Pick<EvidenceStore, 'put' | 'list'>
  baseline: Pick<BaselineOutputs, 'signingKeyArn'>
}

export class Manifests {
  readonly #parts: ManifestParts
  readonly #signer: ManifestSigner

  constructor (parts: ManifestParts) {
    this.#parts = parts
    this.#signer = new ManifestSigner(parts.kms, parts.baseline.signingKeyArn)
  }

  /**
   * Puts a copy of the ledger and the signed manifest into the vault; answers the manifest's artefact.
   * @throws CleanroomError AWS_*, BASELINE_MISSING, EVIDENCE_*
   */
  async seal (incidentId: string): Promise<Artifact> {
    const { custody, evidence, incidents } = this.#parts
    const entries = await custody.list(incidentId)
    const sealed = entries.slice(0, entries.findLastIndex((entry) => !isOfSealing(entry)) + 1)
    const head = headOf(sealed)
    if (!head) throw new CleanroomError('CONFLICT', `Incident ${incidentId} has nothing to seal.`)
    const source = 'The controller, at closure'
    await evidence.put({
      incidentId,
      kind: 'ledger',
      artifactId: `ledger-${head.seq}`,
      filename: 'ledger.json',
      body: canonicalJson(sealed),
      contentType: 'application/json',
      source,
      actor: ACTOR
    })
    const { items } = await evidence.list(incidentId)
    const text = canonicalJson(buildManifest(await incidents.get(incidentId), items, head))
    const sha256 = createHash('sha256').update(text).digest('hex')
    return await evidence.put({
      incidentId,
      kind: 'manifest',
      artifactId: `manifest-${sha256.slice(0, 16)}`,
      filename: 'manifest.jws',
      body: await this.#sign(incidentId, text, sha256),
      contentType: 'application/jose',
      source,
      actor: ACTOR
    })
  }

  /** The key that seals, for whoever verifies. */
  async publicKey (): Promise<JWK> {
    return (await this.#signer.publicKey()).jwk
  }

  async #sign (incidentId: string, text: string, sha256: string): Promise<string> {
    const { jwk, algorithm } = await this.#signer.publicKey()
    const header = base64url.encode(JSON.stringify({ alg: algorithm.jose, typ: JWS_TYPE, kid: jwk.kid, jwk, iat: Math.floor(Date.now() / 1000) }))
    const payload = base64url.encode(text)
    const signature = base64url.encode(await this.#signer.sign(`${header}.${payload}`))
    await verifyManifest(`${header}.${payload}.${signature}`, jwk)
    const { detail } = await this.#parts.custody.append(incidentId, {
      key: `manifest/${sha256}:signed`,
      actor: ACTOR,
      action: 'manifest.signed',
      sha256,
      detail: { key: this.#parts.baseline.signingKeyArn, header, signature }
    })
    return `${String(detail.header)}.${payload}.${String(detail.signature)}`
  }
}

/** Whether an entry is about sealing and nothing else. */
function isOfSealing ({ action, detail }: LedgerEntry): boolean {
  return action === 'manifest.signed' || (action.startsWith('evidence.') && (detail.kind === 'ledger' || detail.kind === 'manifest'))
}
