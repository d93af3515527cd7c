import { GetParameterCommand } from '@aws-sdk/client-ssm'
import type { GetParameterArgs } from '@pulumi/aws/ssm/getParameter.js'
import { lookUp } from '../engine/function-type.ts'
import { may, must } from '../engine/schema.ts'
import { ssm } from './client.ts'

export const getParameter = lookUp<GetParameterArgs>()({
  name: must.text(), region: may.text(), withDecryption: may.flag()
}, async (call, { name, withDecryption = true }) => {
  const { Parameter } = await ssm(call).send(new GetParameterCommand({ Name: name, WithDecryption: withDecryption }))
  return {
    arn: Parameter?.ARN,
    id: Parameter?.Name,
    insecureValue: Parameter?.Type === 'SecureString' ? '' : Parameter?.Value,
    name: Parameter?.Name,
    region: call.region,
    type: Parameter?.Type,
    value: Parameter?.Value,
    version: Parameter?.Version,
    withDecryption
  }
})
