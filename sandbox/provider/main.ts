/**
 * A stand-in for the `aws` provider plugin, for the sandbox only: the published `@pulumi/aws` SDK on one side, AWS SDK
 * calls on the other. It has the resource types our stacks use and refuses what it does not know.
 *
 * To use it put `sandbox/provider/bin` in front of PATH: the engine takes `pulumi-resource-aws` from there before it
 * would download one. AWS_ENDPOINT_URL, AWS_REGION and AWS credentials come from the environment, as for the real one.
 * The first start bundles the sources into the cache directory (about a second); `catalogue.ts` lists what there is.
 */
import grpc from '@grpc/grpc-js'
import rpc from '@pulumi/pulumi/proto/provider_grpc_pb.js'
import { catalogue } from './catalogue.ts'
import { AwsProvider } from './engine/provider.ts'
import { providerService } from './engine/server.ts'

const server = new grpc.Server({ 'grpc.max_receive_message_length': 400 * 1024 * 1024 })
const { service, inFlight } = providerService(new AwsProvider(catalogue))
server.addService(rpc.ResourceProviderService as unknown as grpc.ServiceDefinition, service)

server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  // The engine reads the port from the first line of standard output.
  console.log(String(port))
})

// An engine that was killed can't stop its plugins: they finish what AWS was already asked for, then leave.
const engine = process.ppid
setInterval(() => {
  if (process.ppid !== engine && inFlight() === 0) process.exit(0)
}, 1000).unref()
