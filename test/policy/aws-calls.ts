/** Which calls of AWS's the product's modules make, read from their imports. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')

/** IAM's name for the service behind each client. */
const SERVICES: Record<string, string> = {
  'client-auto-scaling': 'autoscaling',
  'client-cloudwatch-logs': 'logs',
  'client-ec2': 'ec2',
  'client-elastic-load-balancing': 'elasticloadbalancing',
  'client-elastic-load-balancing-v2': 'elasticloadbalancing',
  'client-iam': 'iam'
}

/**
 * The calls as IAM actions, sorted: `ec2:DescribeInstances`, …
 * @param places folders or files of the repository, tests in them left out
 * @throws Error for a client whose service is not known here
 */
export function callsOf (...places: string[]): string[] {
  const files = places.flatMap((place) => statSync(join(ROOT, place)).isDirectory()
    ? readdirSync(join(ROOT, place), { recursive: true, encoding: 'utf8' }).map((name) => join(place, name))
    : [place])
  const sources = files.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts')).map((name) => readFileSync(join(ROOT, name), 'utf8'))
  return [...new Set(sources.flatMap((source) => [...sdkCalls(source), ...resolverCalls(source)]))].sort()
}

function sdkCalls (source: string): string[] {
  return [...source.matchAll(/import \{([^}]*)\} from '@aws-sdk\/(client-[a-z0-9-]+)'/g)].flatMap(([, names, client]) => {
    const service = SERVICES[client!]
    if (!service) throw new Error(`the service of ${client} is not known here`)
    return [...names!.matchAll(/\b(?:paginate(\w+)|(?<!type )\b(\w+)Command\b)/g)].map(([, paginated, sent]) => `${service}:${(paginated ?? sent)!}`)
  })
}

/** Route 53 Resolver is called by the name of the call. */
function resolverCalls (source: string): string[] {
  if (!source.includes('ResolverClient')) return []
  return [...source.matchAll(/(?:call|all)\((?:resolver, )?'(\w+)'/g)].map(([, name]) => `route53resolver:${name!}`)
}
