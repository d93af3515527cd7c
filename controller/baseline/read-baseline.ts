/**
 * Finds the baseline by the document it publishes in Parameter Store.
 */
import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm'
import { Value } from 'typebox/value'
import { BaselineOutputs } from '../../stacks/baseline/outputs.ts'
import { awsCode, fromAws } from '../aws/aws-errors.ts'
import { CleanroomError } from '../incident/errors.ts'

/** @throws CleanroomError BASELINE_MISSING when the parameter is absent or not what a baseline writes; AWS_* */
export async function readBaseline (ssm: SSMClient, name: string): Promise<BaselineOutputs> {
  let text: string | undefined
  try {
    text = (await ssm.send(new GetParameterCommand({ Name: name }))).Parameter?.Value
  } catch (error) {
    if (awsCode(error) === 'ParameterNotFound') throw new CleanroomError('BASELINE_MISSING', `There is no parameter ${name}.`, { cause: error })
    throw fromAws(error, `reading ${name}`)
  }
  let outputs: unknown
  try {
    outputs = JSON.parse(text ?? '')
  } catch (error) {
    throw new CleanroomError('BASELINE_MISSING', `${name} does not hold a JSON document.`, { cause: error })
  }
  if (!Value.Check(BaselineOutputs, outputs)) {
    const problems = [...Value.Errors(BaselineOutputs, outputs)].map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
    throw new CleanroomError('BASELINE_MISSING', `${name} was written by another version of the baseline: ${problems.join('; ')}`)
  }
  return outputs
}
