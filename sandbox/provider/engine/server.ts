/**
 * The plugin's gRPC service. The SDK's own provider server drops the provider's configuration, previews and detailed
 * diffs, so this one is written on the same protocol messages.
 */
import grpc, { type sendUnaryData, type ServerUnaryCall, type UntypedServiceImplementation } from '@grpc/grpc-js'
import any from 'google-protobuf/google/protobuf/any_pb.js'
import empty from 'google-protobuf/google/protobuf/empty_pb.js'
import struct from 'google-protobuf/google/protobuf/struct_pb.js'
import plugin from '@pulumi/pulumi/proto/plugin_pb.js'
import provider from '@pulumi/pulumi/proto/provider_pb.js'
import status from '@pulumi/pulumi/proto/status_pb.js'
import { PartialFailure } from './lifecycle.ts'
import type { AwsProvider } from './provider.ts'
import type { Change } from './equality.ts'
import type { Failure } from './resource-type.ts'
import type { Properties } from './schema.ts'

type Struct = InstanceType<typeof struct.Struct>

function decoded (value: Struct | undefined): Properties {
  return (value?.toJavaScript() ?? {}) as Properties
}

function encoded (value: Properties): Struct {
  return struct.Struct.fromJavaScript(JSON.parse(JSON.stringify(value)) as Record<string, never>)
}

function checked (inputs: Properties, failures: Failure[]) {
  const response = new provider.CheckResponse()
  response.setInputs(encoded(inputs))
  response.setFailuresList(failures.map(({ property, reason }) => {
    const failure = new provider.CheckFailure()
    failure.setProperty(property)
    failure.setReason(reason)
    return failure
  }))
  return response
}

const KIND = provider.PropertyDiff.Kind
const KINDS = {
  add: [KIND.ADD, KIND.ADD_REPLACE], delete: [KIND.DELETE, KIND.DELETE_REPLACE], update: [KIND.UPDATE, KIND.UPDATE_REPLACE]
} as const

function diffed (changes: Change[], deleteBeforeReplace: boolean) {
  const response = new provider.DiffResponse()
  const { DIFF_SOME, DIFF_NONE } = provider.DiffResponse.DiffChanges
  response.setChanges(changes.length > 0 ? DIFF_SOME : DIFF_NONE)
  response.setDiffsList(changes.map(({ path }) => path.split('.')[0]!))
  response.setReplacesList(changes.filter(({ replaces }) => replaces).map(({ path }) => path.split('.')[0]!))
  response.setDeletebeforereplace(deleteBeforeReplace)
  response.setHasdetaileddiff(true)
  for (const { path, kind, replaces } of changes) {
    const detail = new provider.PropertyDiff()
    detail.setKind(KINDS[kind][replaces ? 1 : 0])
    detail.setInputdiff(true)
    response.getDetaileddiffMap().set(path, detail)
  }
  return response
}

/** A resource that exists but is not right travels as a status detail, so that the engine keeps its id. */
function refusal (error: unknown): Partial<grpc.ServiceError> {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof PartialFailure)) return { code: grpc.status.UNKNOWN, details: message }
  const failed = new provider.ErrorResourceInitFailed()
  failed.setId(error.id)
  failed.setProperties(encoded(error.properties))
  failed.setInputs(encoded(error.properties))
  failed.setReasonsList([message])
  const detail = new any.Any()
  detail.pack(failed.serializeBinary(), 'pulumirpc.ErrorResourceInitFailed')
  const outcome = new status.Status()
  outcome.setCode(grpc.status.UNKNOWN)
  outcome.setMessage(message)
  outcome.addDetails(detail)
  const metadata = new grpc.Metadata()
  metadata.add('grpc-status-details-bin', Buffer.from(outcome.serializeBinary()))
  return { code: grpc.status.UNKNOWN, details: message, metadata }
}

/** The service, and how many calls it is answering right now. */
export function providerService (aws: AwsProvider): { service: UntypedServiceImplementation, inFlight (): number } {
  let inFlight = 0
  const unary = <Request, Response>(answer: (request: Request) => Promise<Response> | Response) =>
    (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
      inFlight++
      Promise.resolve().then(async () => await answer(call.request))
        .then(response => callback(null, response), (error: unknown) => callback(refusal(error)))
        .finally(() => { inFlight-- })
    }
  const unimplemented = unary(() => { throw Object.assign(new Error('not implemented by the sandbox\'s aws provider')) })

  const service = {
    attach: unary(() => new empty.Empty()),
    cancel: unary(() => new empty.Empty()),
    getPluginInfo: unary(() => {
      const response = new plugin.PluginInfo()
      response.setVersion(aws.version)
      return response
    }),
    getSchema: unary(() => {
      const response = new provider.GetSchemaResponse()
      response.setSchema(JSON.stringify({ name: 'aws', version: aws.version }))
      return response
    }),
    checkConfig: unary((request: provider.CheckRequest) => {
      const news = decoded(request.getNews())
      return checked(news, aws.checkConfig(news))
    }),
    diffConfig: unary((request: provider.DiffRequest) =>
      diffed(aws.diffConfig(decoded(request.getOldInputs() ?? request.getOlds()), decoded(request.getNews())), false)),
    configure: unary(async (request: provider.ConfigureRequest) => {
      await aws.configure(decoded(request.getArgs()))
      const response = new provider.ConfigureResponse()
      // Without secrets in its messages the engine itself keeps the mark on outputs named like secret inputs.
      response.setAcceptsecrets(false)
      response.setAcceptresources(false)
      response.setAcceptoutputs(false)
      response.setSupportspreview(true)
      return response
    }),
    check: unary(async (request: provider.CheckRequest) => {
      const { inputs, failures } = await aws.check(request.getUrn(), decoded(request.getOlds()), decoded(request.getNews()))
      return checked(inputs, failures)
    }),
    diff: unary(async (request: provider.DiffRequest) => {
      const { changes, deleteBeforeReplace } = await aws.diff(
        request.getUrn(), decoded(request.getOlds()), decoded(request.getOldInputs() ?? request.getOlds()), decoded(request.getNews()))
      return diffed(changes, deleteBeforeReplace)
    }),
    create: unary(async (request: provider.CreateRequest) => {
      const { id, state } = await aws.create(request.getUrn(), decoded(request.getProperties()), {
        preview: request.getPreview(), timeoutSeconds: request.getTimeout()
      })
      const response = new provider.CreateResponse()
      response.setId(id)
      response.setProperties(encoded(state))
      return response
    }),
    read: unary(async (request: provider.ReadRequest) => {
      const found = await aws.read(request.getUrn(), request.getId(), decoded(request.getProperties()), decoded(request.getInputs()))
      const response = new provider.ReadResponse()
      if (found) {
        response.setId(found.id)
        response.setProperties(encoded(found.state))
        response.setInputs(encoded(found.inputs))
      }
      return response
    }),
    update: unary(async (request: provider.UpdateRequest) => {
      const state = await aws.update(
        request.getUrn(), request.getId(), decoded(request.getOlds()), decoded(request.getOldInputs() ?? request.getOlds()),
        decoded(request.getNews()), { preview: request.getPreview(), timeoutSeconds: request.getTimeout() })
      const response = new provider.UpdateResponse()
      response.setProperties(encoded(state))
      return response
    }),
    delete: unary(async (request: provider.DeleteRequest) => {
      await aws.delete(request.getUrn(), request.getId(), decoded(request.getProperties()), { timeoutSeconds: request.getTimeout() })
      return new empty.Empty()
    }),
    invoke: unary(async (request: provider.InvokeRequest) => {
      const { outputs, failures } = await aws.invoke(request.getTok(), decoded(request.getArgs()))
      const response = new provider.InvokeResponse()
      response.setReturn(encoded(outputs))
      response.setFailuresList(checked({}, failures).getFailuresList())
      return response
    }),
    call: unimplemented,
    construct: unimplemented,
    parameterize: unimplemented
  } satisfies Record<string, unknown>
  return { service: service as unknown as UntypedServiceImplementation, inFlight: () => inFlight }
}
