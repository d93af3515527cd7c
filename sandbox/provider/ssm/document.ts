import {
  CreateDocumentCommand, DeleteDocumentCommand, DescribeDocumentCommand, GetDocumentCommand, UpdateDocumentCommand,
  UpdateDocumentDefaultVersionCommand, type DocumentFormat, type DocumentType
} from '@aws-sdk/client-ssm'
import type { DocumentArgs } from '@pulumi/aws/ssm/document.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone, until } from '../engine/wait.ts'
import { pairs, ssm, tagging, tagsOf } from './client.ts'

const GONE = ['InvalidDocument']

async function describe (call: AwsCall, Name: string) {
  const found = await unlessGone(GONE, async () => await ssm(call).send(new DescribeDocumentCommand({ Name })))
  return found?.Document
}

async function untilActive (call: AwsCall, name: string) {
  await until(`document ${name} to become active`, async () => {
    const found = await describe(call, name)
    if (found?.Status === 'Failed') throw new Error(`document ${name} failed: ${found.StatusInformation}`)
    return (found && (found.Status ?? 'Active') === 'Active') || undefined
  }, { seconds: 120 })
}

export const document = resource<DocumentArgs>()({
  inputs: {
    content: must.json(),
    documentFormat: may.text({ default: 'JSON', enum: ['JSON', 'TEXT', 'YAML'] }),
    documentType: must.text({ replaces: true }),
    name: may.text({ replaces: true, pattern: '^[a-zA-Z0-9_.-]{3,128}$' }),
    targetType: may.text(),
    versionName: may.text()
  },
  outputs: [
    'arn', 'createdDate', 'defaultVersion', 'description', 'documentVersion', 'hash', 'hashType', 'latestVersion', 'owner', 'parameters',
    'platformTypes', 'schemaVersion', 'status'
  ],
  autoname: { property: 'name', maxLength: 128 },
  tagging: tagging('Document'),
  // The first schema's documents have no versions.
  replacesOn: (olds, news) => /"schemaVersion"\s*:\s*"1\.\d"/.test(String(news.content)) && olds.content !== news.content ? ['content'] : [],
  async create (call, inputs) {
    const name = inputs.name!
    await ssm(call).send(new CreateDocumentCommand({
      Name: name,
      Content: inputs.content,
      DocumentFormat: inputs.documentFormat as DocumentFormat,
      DocumentType: inputs.documentType as DocumentType,
      TargetType: inputs.targetType,
      VersionName: inputs.versionName,
      Tags: pairs(call.tags)
    }))
    call.created(name)
    await untilActive(call, name)
    return name
  },
  async read (call, id, known) {
    const found = await describe(call, id)
    if (!found) return undefined
    const [content, tags] = await Promise.all([
      ssm(call).send(new GetDocumentCommand({ Name: id, DocumentFormat: (known.documentFormat ?? found.DocumentFormat) as DocumentFormat, DocumentVersion: '$LATEST' })),
      tagsOf(call, 'Document', id)
    ])
    return {
      arn: `arn:${call.partition}:ssm:${call.region}:${found.Owner ?? call.accountId}:document/${id}`,
      content: content.Content,
      createdDate: found.CreatedDate?.toISOString(),
      defaultVersion: found.DefaultVersion,
      description: found.Description ?? '',
      documentFormat: known.documentFormat ?? found.DocumentFormat,
      documentType: found.DocumentType,
      documentVersion: found.DocumentVersion,
      hash: found.Hash,
      hashType: found.HashType,
      latestVersion: found.LatestVersion,
      name: found.Name,
      owner: found.Owner,
      parameters: (found.Parameters ?? []).map(({ Name, Type, Description, DefaultValue }) => ({
        name: Name, type: Type, description: Description ?? '', defaultValue: DefaultValue ?? ''
      })),
      platformTypes: found.PlatformTypes ?? [],
      schemaVersion: found.SchemaVersion,
      status: found.Status,
      targetType: found.TargetType || undefined,
      versionName: found.VersionName || undefined,
      tags
    }
  },
  /** A changed document becomes a new version, and that the one in use. */
  async update (call, id, news, _olds, changed) {
    if (!['content', 'documentFormat', 'targetType', 'versionName'].some(key => changed.has(key))) return
    const updated = await unlessGone(['DuplicateDocumentContent'], async () => await ssm(call).send(new UpdateDocumentCommand({
      Name: id,
      Content: news.content,
      DocumentFormat: news.documentFormat as DocumentFormat,
      DocumentVersion: '$LATEST',
      TargetType: news.targetType,
      VersionName: news.versionName
    })))
    const version = updated?.DocumentDescription?.DocumentVersion ?? (await describe(call, id))?.LatestVersion
    await ssm(call).send(new UpdateDocumentDefaultVersionCommand({ Name: id, DocumentVersion: version }))
    await untilActive(call, id)
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await ssm(call).send(new DeleteDocumentCommand({ Name: id })))
    await until(`document ${id} to be deleted`, async () => await describe(call, id) ? undefined : true, { seconds: 120 })
  }
})
