/**
 * `credential_process` of the sandbox's AWS profile: a session of the controller's role.
 *
 * A profile with `role_arn` would do, but the AWS SDK for Go inside Pulumi asks for such a role at AWS's own
 * address whatever AWS_ENDPOINT_URL says. Source: AWS SDKs and Tools Reference Guide, "Process credential provider".
 */
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'

const [endpoint, region, RoleArn] = process.argv.slice(2)
const sts = new STSClient({ endpoint, region, credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' } })
const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'cleanroom' }))
process.stdout.write(JSON.stringify({ Version: 1, ...Credentials }))
