/** A provider function: reads something from AWS, or computes it. */
import type { Static, TObject, TProperties } from 'typebox'
import type { AwsCall } from './aws-call.ts'
import { must, type Properties } from './schema.ts'

export interface FunctionType {
  inputs: TObject
  invoke (call: AwsCall, inputs: Properties): Promise<Properties>
}

/** Defines a function whose argument names the published SDK (its `Args`) must know. */
export function lookUp<Args> () {
  return <P extends TProperties>(
    inputs: P & Record<Exclude<keyof P, keyof Args>, never>,
    invoke: (call: AwsCall, inputs: Static<TObject<P>>) => Promise<Properties>
  ): FunctionType => ({ inputs: must.object(inputs as TProperties), invoke: invoke as FunctionType['invoke'] })
}
