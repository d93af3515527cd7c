import {
  DeleteParameterCommand, DescribeParametersCommand, GetParameterCommand, PutParameterCommand, type ParameterTier, type ParameterType
} from '@aws-sdk/client-ssm'
import type { ParameterArgs } from '@pulumi/aws/ssm/parameter.js'
import type { AwsCall } from '../engine/aws-call.ts'
import { resource } from '../engine/resource-type.ts'
import { may, must } from '../engine/schema.ts'
import { unlessGone } from '../engine/wait.ts'
import { pairs, ssm, tagging, tagsOf } from './client.ts'

const GONE = ['ParameterNotFound']

export const parameter = resource<ParameterArgs>()({
  inputs: {
    allowedPattern: may.text(),
    dataType: may.text({ computed: true, replaces: true, enum: ['aws:ec2:image', 'aws:ssm:integration', 'text'] }),
    description: may.text(),
    insecureValue: may.text(),
    keyId: may.text({ computed: true }),
    name: may.text({ replaces: true }),
    overwrite: may.flag(),
    tier: may.text({ computed: true, enum: ['Standard', 'Advanced', 'Intelligent-Tiering'] }),
    type: must.text({ enum: ['String', 'StringList', 'SecureString'] }),
    value: may.text()
  },
  outputs: ['arn', 'hasValueWo', 'version'],
  autoname: { property: 'name', maxLength: 2048 },
  tagging: tagging('Parameter'),
  check: ({ insecureValue, value }) => (insecureValue === undefined) === (value === undefined)
    ? [{ property: 'value', reason: 'exactly one of insecureValue, value must be given' }]
    : [],
  // AWS can't take a parameter back from the advanced tier.
  replacesOn: (olds, news) => olds.tier === 'Advanced' && news.tier === 'Standard' ? ['tier'] : [],
  async create (call, inputs) {
    // Tags and overwriting exclude each other, so a taken name is refused unless the program wants it overwritten.
    await put(call, inputs, inputs.overwrite ? { Overwrite: true } : { Tags: pairs(call.tags) })
    if (inputs.overwrite && Object.keys(call.tags).length > 0) await tagging('Parameter').set(call, inputs.name!, {}, call.tags)
    return inputs.name!
  },
  async read (call, id, known) {
    const found = await unlessGone(GONE, async () => await ssm(call).send(new GetParameterCommand({ Name: id, WithDecryption: true })))
    const parameter = found?.Parameter
    if (!parameter) return undefined
    const [{ Parameters = [] }, tags] = await Promise.all([
      ssm(call).send(new DescribeParametersCommand({ ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values: [id] }] })),
      tagsOf(call, 'Parameter', id)
    ])
    const [metadata] = Parameters
    return {
      allowedPattern: metadata?.AllowedPattern || undefined,
      arn: parameter.ARN,
      dataType: parameter.DataType ?? 'text',
      description: metadata?.Description || undefined,
      hasValueWo: false,
      keyId: metadata?.KeyId ?? '',
      name: parameter.Name,
      tier: metadata?.Tier ?? 'Standard',
      type: parameter.Type,
      ...(known.insecureValue !== undefined ? { insecureValue: parameter.Value } : { value: parameter.Value }),
      version: parameter.Version,
      tags
    }
  },
  async update (call, _id, news) {
    await put(call, news, { Overwrite: true })
  },
  async delete (call, id) {
    await unlessGone(GONE, async () => await ssm(call).send(new DeleteParameterCommand({ Name: id })))
  }
})

interface Wanted {
  name?: string,
  value?: string,
  insecureValue?: string,
  type: string,
  description?: string,
  keyId?: string,
  allowedPattern?: string
  dataType?: string,
  tier?: string
}

async function put (call: AwsCall, wanted: Wanted, how: { Overwrite: true } | { Tags: { Key: string, Value: string }[] }) {
  await ssm(call).send(new PutParameterCommand({
    Name: wanted.name,
    Value: wanted.value ?? wanted.insecureValue,
    Type: wanted.type as ParameterType,
    Description: wanted.description,
    KeyId: wanted.type === 'SecureString' ? wanted.keyId || undefined : undefined,
    AllowedPattern: wanted.allowedPattern,
    DataType: wanted.dataType,
    Tier: wanted.tier as ParameterTier | undefined,
    ...how
  }))
}
