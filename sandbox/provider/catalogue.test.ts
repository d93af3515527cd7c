import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { catalogue, tokens as allTokens } from './catalogue.ts'
import { inputSchema } from './engine/check.ts'
import { view } from './engine/schema.ts'

const tokens = await allTokens()
const sdk = dirname(createRequire(import.meta.url).resolve('@pulumi/aws/package.json'))

interface Member { name: string, optional: boolean }

/** `aws:ec2/vpc:Vpc` is declared in ec2/vpc.d.ts. */
function declaration (token: string): string {
  return readFileSync(join(sdk, `${token.split(':')[1]!}.d.ts`), 'utf8')
}

function members (text: string, suffix: string): Member[] {
  const body = new RegExp(`export interface \\w+${suffix} \\{([\\s\\S]*?)\\n\\}`).exec(text)?.[1] ?? ''
  return [...body.matchAll(/^ {4}(\w+)(\?)?:/gm)].map(([, name = '', mark]) => ({ name, optional: mark === '?' }))
}

describe('the provider beside the published SDK', () => {
  it('is the version that the SDK asks for', () => {
    equal(catalogue.version, (JSON.parse(readFileSync(join(sdk, 'package.json'), 'utf8')) as { version: string }).version)
  })

  for (const token of tokens.resources) {
    describe(token, () => {
      it('requires what the SDK requires', async () => {
        const type = (await catalogue.resource(token))!
        const schema = view(inputSchema(type))
        const required = members(declaration(token), 'Args').filter(({ optional }) => !optional).map(({ name }) => name).sort()
        const stricter = Object.keys(schema.properties!).filter(name => schema.required?.includes(name) && !required.includes(name))
        deepEqual(required.filter(name => !schema.required?.includes(name)), [])
        deepEqual(stricter.filter(name => !KNOWINGLY_STRICTER[token]?.includes(name)), [])
      })

      it('has the SDK\'s inputs and outputs', async () => {
        const type = (await catalogue.resource(token))!
        const text = declaration(token)
        const args = members(text, 'Args').map(({ name }) => name)
        const state = members(text, 'State').map(({ name }) => name)
        deepEqual(Object.keys(view(inputSchema(type)).properties!).filter(name => !args.includes(name)), [])
        const promised = state.filter(name => !args.includes(name) && name !== 'tagsAll')
        deepEqual(promised.filter(name => !type.outputs.includes(name)), KNOWINGLY_WITHOUT[token] ?? [])
      })
    })
  }

  for (const token of tokens.functions) {
    it(`${token} has the SDK's arguments`, async () => {
      const definition = (await catalogue.function(token))!
      const path = token.split(':')[1]!.replace(/^index\//, '')
      const text = readFileSync(join(sdk, `${path}.d.ts`), 'utf8')
      const args = members(text, 'Args').map(({ name }) => name)
      deepEqual(Object.keys(view(definition.inputs).properties!).filter(name => !args.includes(name)), [])
    })
  }
})

/** Inputs whose alternatives the stand-in does not have. */
const KNOWINGLY_STRICTER: Record<string, string[]> = {
  'aws:ec2/subnet:Subnet': ['cidrBlock'],
  'aws:ec2/vpcEndpoint:VpcEndpoint': ['serviceName'],
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': ['rules']
}

/** Outputs of features the stand-in does not have. */
const KNOWINGLY_WITHOUT: Record<string, string[]> = {
  'aws:s3/bucket:Bucket': ['websiteDomain', 'websiteEndpoint']
}
