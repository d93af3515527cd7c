/** Who may become which role. */
import { accountRoot, allow, onlyRoles, policy, type PolicyContext, type PolicyDocument } from './document.ts'

const ASSUME = ['sts:AssumeRole']

/**
 * The controller's service, by ECS, and the principals that the configuration names.
 * The role may also assume itself: clients ask for it by name whatever the process runs as.
 */
export function controllerTrust (ctx: PolicyContext, trustedPrincipals: string[]): PolicyDocument {
  return policy(
    allow('Service', {
      Principal: { Service: 'ecs-tasks.amazonaws.com' },
      Action: ASSUME,
      Condition: { StringEquals: { 'aws:SourceAccount': ctx.accountId } }
    }),
    allow('Itself', { ...onlyRoles(ctx, [ctx.names.roleArn('controller')]), Action: ASSUME }),
    ...trustedPrincipals.length ? [allow('Configured', { Principal: { AWS: trustedPrincipals }, Action: ASSUME })] : []
  )
}

/** A phase's role is for the controller alone. */
export function phaseTrust (ctx: PolicyContext): PolicyDocument {
  return policy(allow('Controller', { Principal: { AWS: ctx.names.roleArn('controller') }, Action: ASSUME }))
}

/** Investigators read; they are people, and the controller when it reads on their behalf. */
export function investigatorTrust (ctx: PolicyContext, investigators: string[]): PolicyDocument {
  return policy(
    ...phaseTrust(ctx).Statement,
    ...investigators.length ? [allow('People', { Principal: { AWS: investigators }, Action: ASSUME })] : []
  )
}

/** People with a second factor, at most an hour old; where none is named, whoever the account's IAM allows. */
export function breakGlassTrust (ctx: PolicyContext, people: string[]): PolicyDocument {
  return policy(allow('PeopleWithSecondFactor', {
    Principal: { AWS: people.length ? people : accountRoot(ctx) },
    Action: ASSUME,
    Condition: {
      Bool: { 'aws:MultiFactorAuthPresent': 'true' },
      NumericLessThan: { 'aws:MultiFactorAuthAge': '3600' }
    }
  }))
}

export function ec2Trust (): PolicyDocument {
  return policy(allow('Instance', { Principal: { Service: 'ec2.amazonaws.com' }, Action: ASSUME }))
}
