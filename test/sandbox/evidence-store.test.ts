import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateKeyCommand, GetPublicKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import {
  CreateBucketCommand, DeleteObjectCommand, GetObjectRetentionCommand, HeadObjectCommand, ListObjectVersionsCommand, PutObjectCommand,
  PutObjectRetentionCommand, S3Client
} from '@aws-sdk/client-s3'
import { startTestDatabase, type TestDatabase } from '../../controller/evidence/database-for-tests.ts'
import { IncidentStore } from '../../controller/database/incident-store.ts'
import { verifyChain } from '../../controller/evidence/custody-ledger.ts'
import { CustodyStore } from '../../controller/evidence/custody-store.ts'
import { EvidenceStore, type PutEvidence } from '../../controller/evidence/evidence-store.ts'
import { keyInManifest, Manifests, verifyManifest } from '../../controller/evidence/manifest.ts'
import { verifyEvidence } from '../../controller/evidence/verification.ts'
import { codeOf, type ErrorCode } from '../../controller/incident/errors.ts'
import type { Artifact } from '../../controller/incident/incident.ts'
import { startEmulator, type Emulator } from '../../sandbox/emulator-process.ts'

const BUCKET = 'evidence'
const ACTOR = 'cleanroom:acquire'
const RETENTION = { mode: 'COMPLIANCE' as const, days: 30 }
const DAY_MS = 86_400_000

describe('the evidence vault', function () {
  this.timeout(120_000)
  let directory: string
  let emulator: Emulator
  let database: TestDatabase
  let s3: S3Client
  let kms: KMSClient
  let custody: CustodyStore
  let evidence: EvidenceStore
  let manifests: Manifests
  let evidenceKeyArn: string
  let signingKeyArn: string
  let incidentId: string

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cleanroom-vault-'));
    [emulator, database] = await Promise.all([startEmulator({ stateDir: directory }), startTestDatabase()])
    const config = { endpoint: emulator.endpoint, region: 'eu-central-1', credentials: { accessKeyId: 'tester', secretAccessKey: 'tester' }, forcePathStyle: true }
    s3 = new S3Client(config)
    kms = new KMSClient(config)
    evidenceKeyArn = (await kms.send(new CreateKeyCommand({}))).KeyMetadata!.Arn!
    signingKeyArn = (await kms.send(new CreateKeyCommand({ KeyUsage: 'SIGN_VERIFY', KeySpec: 'ECC_NIST_P384' }))).KeyMetadata!.Arn!
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET, ObjectLockEnabledForBucket: true, CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' } }))
    custody = new CustodyStore(database.pool)
    evidence = new EvidenceStore({ s3, pool: database.pool, custody, baseline: { accountId: '123456789012', evidenceBucket: BUCKET, evidenceKeyArn, retention: RETENTION } })
    manifests = new Manifests({ kms, incidents: new IncidentStore(database.pool), custody, evidence, baseline: { signingKeyArn } })
  })
  after(async () => {
    s3?.destroy()
    kms?.destroy()
    await emulator?.stop()
    await database?.stop()
    await rm(directory, { recursive: true, force: true })
  })
  beforeEach(async () => { incidentId = await database.incident() })

  const metadata = (otherwise: Partial<PutEvidence> = {}): PutEvidence => ({
    incidentId, kind: 'metadata', artifactId: 'metadata-1', filename: 'i-1.json', body: '{"state":"running"}', contentType: 'application/json', source: 'EC2', actor: ACTOR, ...otherwise
  })
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
  const versionsOf = async (key: string): Promise<number> => (await s3.send(new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: key }))).Versions?.length ?? 0
  const actions = async (): Promise<string[]> => (await custody.list(incidentId)).map(({ action }) => action)
  const withCode = (code: ErrorCode) => (error: unknown) => {
    assert.equal(codeOf(error), code, String(error))
    return true
  }

  /** Writes an object as the workstation does: into the vault, with no retention of its own. */
  async function byWorkstation (text: string, artifactId = 'run-1-findings.json'): Promise<Parameters<EvidenceStore['adopt']>[0]> {
    const key = `incidents/${incidentId}/analysis/${artifactId}/findings.json`
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: text, ChecksumAlgorithm: 'SHA256', ServerSideEncryption: 'aws:kms', SSEKMSKeyId: evidenceKeyArn }))
    return { incidentId, kind: 'analysis', artifactId, key, sha256: sha256(text), size: Buffer.byteLength(text), source: 'disk-analysis on i-2', actor: 'cleanroom:analyse' }
  }

  describe('stores evidence', () => {
    it('under its key, encrypted, locked, with the hash of its bytes', async () => {
      const before = Date.now()
      const artifact = await evidence.put(metadata())
      assert.equal(artifact.key, `incidents/${incidentId}/metadata/metadata-1/i-1.json`)
      assert.equal(artifact.sha256, sha256('{"state":"running"}'))
      const head = await s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: artifact.key, VersionId: artifact.versionId, ChecksumMode: 'ENABLED' }))
      assert.equal(Buffer.from(head.ChecksumSHA256!, 'base64').toString('hex'), artifact.sha256)
      assert.deepEqual([head.ServerSideEncryption, head.SSEKMSKeyId, head.ObjectLockMode], ['aws:kms', evidenceKeyArn, 'COMPLIANCE'])
      assert.ok(head.ObjectLockRetainUntilDate!.getTime() >= before + RETENTION.days * DAY_MS - 1000)
      assert.deepEqual(await evidence.get(incidentId, 'metadata-1'), artifact)
      const { ok, checks } = await evidence.verify(artifact)
      assert.ok(ok, JSON.stringify(checks))
    })

    it('with the intent before and the result after', async () => {
      const artifact = await evidence.put(metadata())
      const [intent, result] = await custody.list(incidentId)
      assert.deepEqual([intent!.action, intent!.sha256], ['evidence.intent', artifact.sha256])
      assert.deepEqual([result!.action, result!.sha256, result!.at, result!.detail.versionId], ['evidence.stored', artifact.sha256, artifact.acquiredAt, artifact.versionId])
      assert.deepEqual(verifyChain(incidentId, await custody.list(incidentId)), [])
    })

    it('once, when the same bytes come again', async () => {
      const first = await evidence.put(metadata())
      assert.deepEqual(await evidence.put(metadata()), first)
      assert.equal(await versionsOf(first.key), 1)
      assert.equal((await custody.list(incidentId)).length, 2)
    })

    it('once, when the same bytes come at the same time', async () => {
      const artifacts = await Promise.all([1, 2, 3].map(async () => await evidence.put(metadata())))
      assert.deepEqual(artifacts, [artifacts[0], artifacts[0], artifacts[0]])
      assert.equal(await versionsOf(artifacts[0]!.key), 1)
    })

    it('to the end, when the controller died at any place on the way', async () => {
      const first = await evidence.put(metadata())
      // Died before the index had it.
      await database.pool.query('DELETE FROM artifacts WHERE incident_id = $1', [incidentId])
      assert.deepEqual(await evidence.put(metadata()), first)
      // Died before the ledger had the result.
      await database.pool.query('DELETE FROM artifacts WHERE incident_id = $1', [incidentId])
      await database.pool.query('DELETE FROM custody WHERE incident_id = $1 AND seq = 2', [incidentId])
      assert.deepEqual({ ...await evidence.put(metadata()), acquiredAt: '' }, { ...first, acquiredAt: '' })
      assert.deepEqual(await actions(), ['evidence.intent', 'evidence.stored'])
      assert.equal(await versionsOf(first.key), 1)
    })

    it('never over other bytes', async () => {
      const first = await evidence.put(metadata())
      await assert.rejects(evidence.put(metadata({ body: 'other' })), withCode('EVIDENCE_EXISTS'))
      await assert.rejects(evidence.put(metadata({ filename: 'other.json' })), withCode('EVIDENCE_EXISTS'))
      // Also when only the vault knows of the first.
      await database.pool.query('DELETE FROM artifacts WHERE incident_id = $1', [incidentId])
      await assert.rejects(evidence.put(metadata({ body: 'other' })), withCode('EVIDENCE_EXISTS'))
      assert.equal(await versionsOf(first.key), 1)
    })

    it('so that nobody can delete it or shorten its time', async () => {
      const { key, versionId } = await evidence.put(metadata())
      await assert.rejects(s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key, VersionId: versionId, BypassGovernanceRetention: true })), { name: 'AccessDenied' })
      await assert.rejects(s3.send(new PutObjectRetentionCommand({
        Bucket: BUCKET, Key: key, VersionId: versionId, Retention: { Mode: 'COMPLIANCE', RetainUntilDate: new Date(Date.now() + DAY_MS) }
      })), { name: 'AccessDenied' })
      assert.equal(await versionsOf(key), 1)
    })

    it('nowhere but below its incident', async () => {
      for (const otherwise of [{ artifactId: '../other' }, { filename: 'a/b' }, { kind: '..' }, { artifactId: '' }]) {
        await assert.rejects(evidence.put(metadata(otherwise)), withCode('INTERNAL'))
      }
      assert.deepEqual(await actions(), [])
    })
  })

  describe('takes over what the workstation wrote', () => {
    it('by a hash of its own, with what was claimed beside it', async () => {
      const input = await byWorkstation('{"findings":[]}')
      const artifact = await evidence.adopt(input)
      assert.equal(artifact.sha256, input.sha256)
      const [claim, result] = await custody.list(incidentId)
      assert.deepEqual([claim!.action, result!.action], ['evidence.claimed', 'evidence.stored'])
      assert.deepEqual(result!.detail.claimed, { sha256: input.sha256, size: input.size })
      assert.deepEqual(await evidence.adopt(input), artifact)
    })

    it('and locks it', async () => {
      const { key, versionId } = await evidence.adopt(await byWorkstation('{"findings":[]}'))
      const { Retention } = await s3.send(new GetObjectRetentionCommand({ Bucket: BUCKET, Key: key, VersionId: versionId }))
      assert.equal(Retention!.Mode, 'COMPLIANCE')
      await assert.rejects(s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key, VersionId: versionId })), { name: 'AccessDenied' })
    })

    it('not when it is not what was claimed: that is recorded, and kept', async () => {
      const input = await byWorkstation('{"findings":[]}')
      const lie = { ...input, sha256: sha256('something else') }
      await assert.rejects(evidence.adopt(lie), withCode('EVIDENCE_ALTERED'))
      const entry = (await custody.list(incidentId)).at(-1)!
      assert.equal(entry.action, 'evidence.altered')
      assert.equal(entry.sha256, input.sha256)
      assert.deepEqual(entry.detail.expected, { sha256: lie.sha256, size: lie.size })
      assert.deepEqual((await evidence.list(incidentId)).items, [])
      await assert.rejects(s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: input.key, VersionId: String(entry.detail.versionId) })), { name: 'AccessDenied' })
    })

    it('not when there is no such object', async () => {
      const input = await byWorkstation('x')
      await assert.rejects(evidence.adopt({ ...input, artifactId: 'missing', key: `incidents/${incidentId}/analysis/missing/findings.json` }), withCode('EVIDENCE_ALTERED'))
    })

    it('not from another incident or another artefact', async () => {
      const input = await byWorkstation('x')
      const other = await database.incident()
      await assert.rejects(evidence.adopt({ ...input, incidentId: other }), withCode('INTERNAL'))
      await assert.rejects(evidence.adopt({ ...input, artifactId: 'other' }), withCode('INTERNAL'))
    })
  })

  describe('shows evidence', () => {
    it('in pages, by id', async () => {
      for (const artifactId of ['c', 'a', 'B']) await evidence.put(metadata({ artifactId }))
      const first = await evidence.list(incidentId, { limit: 2 })
      assert.deepEqual([first.items.map(({ id }) => id), first.nextCursor], [['B', 'a'], 'a'])
      const second = await evidence.list(incidentId, { limit: 2, cursor: first.nextCursor })
      assert.deepEqual([second.items.map(({ id }) => id), second.nextCursor], [['c'], undefined])
    })

    it('by a link that gives the very bytes, to save, for minutes', async () => {
      const url = await evidence.url(await evidence.put(metadata()))
      assert.equal(new URL(url).searchParams.get('X-Amz-Expires'), '300')
      const answer = await fetch(url)
      assert.equal(await answer.text(), '{"state":"running"}')
      assert.equal(new URL(url).searchParams.get('response-content-disposition'), 'attachment; filename="i-1.json"')
    })

    it('that was replaced or is gone as what it is', async () => {
      const artifact = await evidence.put(metadata())
      const replaced: Artifact = { ...artifact, versionId: (await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: artifact.key, Body: 'planted', ChecksumAlgorithm: 'SHA256' }))).VersionId }
      const { ok, checks } = await evidence.verify(replaced)
      assert.equal(ok, false)
      assert.ok(checks.some(({ name, ok }) => !ok && /SHA-256/.test(name)))
      assert.ok(checks.some(({ name, ok }) => !ok && /retention/.test(name)))
      assert.ok((await evidence.verify(artifact)).ok, 'the version that was taken into custody is still there')
      assert.equal((await evidence.verify({ ...artifact, key: `${artifact.key}.gone` })).ok, false)
    })

    it('of this incident only', async () => {
      await evidence.put(metadata())
      await assert.rejects(evidence.get(await database.incident(), 'metadata-1'), withCode('NOT_FOUND'))
    })
  })

  describe('is sealed', () => {
    async function textOf (artifact: Artifact): Promise<string> {
      return await (await fetch(await evidence.url(artifact))).text()
    }

    async function observed (): Promise<Map<string, { sha256: string, size: number }>> {
      const { items } = await evidence.list(incidentId)
      return new Map(await Promise.all(items.map(async (artifact) => {
        const text = await textOf(artifact)
        return [artifact.id, { sha256: sha256(text), size: Buffer.byteLength(text) }] as const
      })))
    }

    beforeEach(async () => {
      await evidence.put(metadata())
      await evidence.adopt(await byWorkstation('{"findings":[]}'))
    })

    it('by a manifest that the baseline\'s key signed, which lists all of it', async () => {
      const artifact = await manifests.seal(incidentId)
      const jws = await textOf(artifact)
      const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: signingKeyArn }))
      const key = await manifests.publicKey()
      assert.deepEqual(keyInManifest(jws), key)
      assert.ok(Buffer.from(PublicKey!).includes(Buffer.from(key.x!, 'base64url')))
      const manifest = await verifyManifest(jws, key)
      assert.equal(manifest.incident.id, incidentId)
      assert.deepEqual(manifest.artifacts.map(({ kind }) => kind).sort(), ['analysis', 'ledger', 'metadata'])
      assert.deepEqual(verifyEvidence({ manifest, ledger: await custody.list(incidentId), observed: await observed() }), [])
    })

    it('together with a copy of its ledger', async () => {
      const sealed = await custody.list(incidentId)
      await manifests.seal(incidentId)
      const { items } = await evidence.list(incidentId)
      assert.deepEqual(JSON.parse(await textOf(items.find(({ kind }) => kind === 'ledger')!)), sealed)
    })

    it('once, however often, until something new is stored', async () => {
      const first = await manifests.seal(incidentId)
      assert.deepEqual(await manifests.seal(incidentId), first)
      // Died after the signature.
      await database.pool.query('DELETE FROM artifacts WHERE incident_id = $1 AND id = $2', [incidentId, first.id])
      assert.deepEqual(await manifests.seal(incidentId), first)

      await evidence.put(metadata({ artifactId: 'late' }))
      const second = await manifests.seal(incidentId)
      assert.notEqual(second.id, first.id)
      const manifest = await verifyManifest(await textOf(second), await manifests.publicKey())
      assert.ok(manifest.artifacts.some(({ id }) => id === 'late'))
      assert.deepEqual(verifyEvidence({ manifest, ledger: await custody.list(incidentId), observed: await observed() }), [])
    })

    it('so that a changed manifest, or one of another key, is refused', async () => {
      const jws = await textOf(await manifests.seal(incidentId))
      const key = await manifests.publicKey()
      const [header, payload, signature] = jws.split('.') as [string, string, string]
      const forged = Buffer.from(Buffer.from(payload, 'base64url').toString().replace('beaconing', 'a false alarm')).toString('base64url')
      await assert.rejects(verifyManifest([header, forged, signature].join('.'), key), withCode('EVIDENCE_ALTERED'))
      await assert.rejects(verifyManifest('no manifest', key), withCode('EVIDENCE_ALTERED'))
      const other = (await kms.send(new CreateKeyCommand({ KeyUsage: 'SIGN_VERIFY', KeySpec: 'ECC_NIST_P384' }))).KeyMetadata!.Arn!
      const stranger = new Manifests({ kms, incidents: new IncidentStore(database.pool), custody, evidence, baseline: { signingKeyArn: other } })
      await assert.rejects(verifyManifest(jws, await stranger.publicKey()), withCode('EVIDENCE_ALTERED'))
    })
  })
})
