/** Reads that several phases share: what triage and verification ask AWS, changing nothing. */
import { allow, type PolicyContext, type Statement } from './document.ts'

const DESCRIBE = ['ec2:Describe*', 'autoscaling:Describe*', 'elasticloadbalancing:Describe*']

/** Describe calls know no resource-level permissions (Service Authorization Reference). */
export function describeMachines (): Statement {
  return allow('DescribeMachines', { Action: DESCRIBE, Resource: ['*'] })
}

export function readIdentities (): Statement {
  return allow('ReadIdentities', {
    Action: [
      'iam:GetInstanceProfile', 'iam:GetRole', 'iam:GetRolePolicy', 'iam:GetPolicy', 'iam:GetPolicyVersion',
      'iam:ListRolePolicies', 'iam:ListAttachedRolePolicies', 'iam:ListInstanceProfilesForRole'
    ],
    Resource: ['*']
  })
}

/** Whose an access key is and whether it is active; who asks knows the key's id, not its user. */
export function readAccessKeys (): Statement {
  return allow('ReadAccessKeys', { Action: ['iam:GetAccessKeyLastUsed', 'iam:ListAccessKeys'], Resource: ['*'] })
}

/** What answers or blocks the DNS queries of a network. */
export function readDnsFirewalls (): Statement {
  return allow('ReadDnsFirewalls', {
    Action: [
      'route53resolver:GetFirewallDomainList', 'route53resolver:ListFirewallDomainLists', 'route53resolver:ListFirewallDomains',
      'route53resolver:ListFirewallRuleGroups', 'route53resolver:ListFirewallRules', 'route53resolver:ListFirewallRuleGroupAssociations'
    ],
    Resource: ['*']
  })
}

/** What AWS itself recorded about the suspected machine. */
export function readRecords (): Statement {
  return allow('ReadRecords', {
    Action: [
      'cloudtrail:LookupEvents',
      'logs:DescribeLogGroups', 'logs:DescribeLogStreams', 'logs:FilterLogEvents', 'logs:GetLogEvents',
      'logs:StartQuery', 'logs:StopQuery', 'logs:GetQueryResults',
      'guardduty:ListDetectors', 'guardduty:ListFindings', 'guardduty:GetFindings',
      'config:GetResourceConfigHistory',
      'iam:GenerateServiceLastAccessedDetails', 'iam:GetServiceLastAccessedDetails'
    ],
    Resource: ['*']
  })
}

/** Run Command's results; a command's id is not known beforehand and has no ARN of its own. */
export function readCommands (): Statement {
  return allow('ReadCommands', {
    Action: [
      'ssm:GetCommandInvocation', 'ssm:ListCommandInvocations', 'ssm:ListCommands', 'ssm:DescribeInstanceInformation',
      'ssm:GetDocument', 'ssm:DescribeDocument'
    ],
    Resource: ['*']
  })
}

/** Evidence as written; every version of it. */
export function readEvidence ({ names }: PolicyContext): Statement[] {
  return [
    allow('ListEvidence', {
      Action: [
        's3:ListBucket', 's3:ListBucketVersions', 's3:GetBucketLocation', 's3:GetBucketVersioning', 's3:GetBucketObjectLockConfiguration'
      ],
      Resource: [names.evidenceBucketArn]
    }),
    allow('ReadEvidence', {
      Action: [
        's3:GetObject', 's3:GetObjectVersion', 's3:GetObjectAttributes', 's3:GetObjectVersionAttributes', 's3:GetObjectRetention',
        's3:GetObjectLegalHold', 's3:GetObjectTagging'
      ],
      Resource: [`${names.evidenceBucketArn}/*`]
    })
  ]
}

/** Keys of the vault's objects, through S3 and no other way. */
export function evidenceKeyForObjects ({ evidenceKeyArn }: PolicyContext, ...actions: string[]): Statement {
  return allow('EvidenceKeyForObjects', {
    Action: [...actions, 'kms:DescribeKey'],
    Resource: [evidenceKeyArn],
    Condition: { StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' } }
  })
}
