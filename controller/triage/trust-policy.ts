/**
 * Who a role's trust policy lets in.
 *
 * IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal".
 */
interface TrustStatement { Effect?: string, Principal?: unknown, NotPrincipal?: unknown }

/** EC2 itself, in any partition: it hands the role to instances, which are looked up by themselves. */
const EC2 = /^ec2\.amazonaws\.com(\.cn)?$/

/**
 * Principals of the statements that allow, apart from EC2, sorted: ARNs, account ids, service names, identity
 * providers, `*` for anybody. `document` is JSON, as it is or as IAM encodes it (RFC 3986).
 */
export function principalsOf (document: string): string[] {
  const { Statement = [] } = JSON.parse(document.startsWith('%7B') ? decodeURIComponent(document) : document) as { Statement?: TrustStatement | TrustStatement[] }
  const named = [Statement].flat().filter(({ Effect }) => Effect === 'Allow').flatMap(({ Principal, NotPrincipal }) => [
    ...namesOf(Principal),
    ...NotPrincipal === undefined ? [] : [`anybody but ${namesOf(NotPrincipal).join(', ')}`]
  ])
  return [...new Set(named)].filter((name) => !EC2.test(name)).sort()
}

function namesOf (principal: unknown): string[] {
  if (typeof principal === 'string') return [principal]
  return Object.values(principal ?? {}).flat() as string[]
}
